"""Past one process: ``rrcanet bulk`` on processes or on a Ray cluster, and the service on Ray Serve."""
