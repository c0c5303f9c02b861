"""Steps per second of training: a plain loop with a data loader against ours, and the floor that memory sets.

python -m benchmarks.train_throughput --data datasets --device cuda --json benchmarks/results/train-h100.json

Every row is printed and kept as soon as it is measured; rows that the file holds already are not measured again, and
figures of another card stay: this one's go beside them. A row that failed is tried once more by the next run, which
exit code 75 asks for.
"""
