"""``python -m benchmarks.tracking``."""

from benchmarks.tracking.command import tracking_command

tracking_command()
