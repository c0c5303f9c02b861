"""Measurements of accuracy, and the lists and frames that they need."""
