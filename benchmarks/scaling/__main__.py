"""Run the simulation: ``python -m benchmarks.scaling``."""

from benchmarks.scaling.command import main

main()
