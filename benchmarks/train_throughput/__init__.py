"""Steps per second of training: a plain loop with a data loader, this project's trainer, and the limit of memory.

python -m benchmarks.train_throughput --data datasets --json benchmarks/results/train-cpu.json
"""
