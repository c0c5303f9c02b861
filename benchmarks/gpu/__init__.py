"""Measurements of the network on a machine with an NVIDIA GPU: ``python -m benchmarks.gpu --help``."""
