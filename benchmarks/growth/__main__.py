"""Run the measurement: ``python -m benchmarks.growth``."""

from benchmarks.growth.command import main

main()
