"""Networks trained under one equal budget, with one recipe, and scored on one split at native resolution.

python -m benchmarks.compare hosts ablations --data datasets --out runs/compare --json runs/compare.json
"""
