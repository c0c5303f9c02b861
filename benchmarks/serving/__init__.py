"""The running service, measured from outside as its users meet it: ``python -m benchmarks.serving.load --help``."""
