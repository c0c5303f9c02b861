"""The same detection in the forms that other programs send; ``RRCANET_ADAPTERS`` names those that are served."""
