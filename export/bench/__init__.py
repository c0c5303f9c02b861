"""Measures how fast a model file or a service answers, and estimates the best that the device allows.

The package imports torch only to measure a CUDA device, so it runs on a serving install.
"""
