"""A recipe of a small network. Lines that are appended belong to its optimisation."""

from typing import Final

SMALL_RECIPE: Final = """
{top}
name = "small"
description = "a test"
datasets = ["{dataset}"]
[network]
widths = [8, 16]
units = [1, 1]
passes = 1
[optimisation]
steps = {steps}
batch = 2
crop = 32
"""
