"""The command."""

from benchmarks.train_throughput.command import main

main(prog_name="python -m benchmarks.train_throughput")
