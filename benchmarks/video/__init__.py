"""The rate of ``rrcanet detect`` on videos, against the network alone."""
