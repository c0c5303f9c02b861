"""Many frames at once: ``rrcanet bulk``, on the processes of one machine or on a Ray cluster."""
