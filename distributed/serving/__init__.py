"""The service on Ray Serve: ``serve run distributed.serving.replica:app``."""
