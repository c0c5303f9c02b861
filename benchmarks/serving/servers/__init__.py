"""Servers under test: how they start, on which cores, and what Linux knows of their processes."""
