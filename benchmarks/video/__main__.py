"""Run the measurement: ``python -m benchmarks.video``."""

from benchmarks.video.command import NAME, main

main(prog_name=NAME)
