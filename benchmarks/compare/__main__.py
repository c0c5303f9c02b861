"""The command."""

from benchmarks.compare.command import compare_command

compare_command(prog_name="python -m benchmarks.compare")
