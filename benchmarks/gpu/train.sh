#!/bin/sh
# On the GPU machine: trains for so many minutes, copies states, weights and log into $OUT; called again it goes on.
#   sh benchmarks/gpu/train.sh MINUTES RECIPE:SEED...
set -eu
minutes=$1
shift
export PYTHONPATH=/tmp/rrcanet/site:. OMP_NUM_THREADS=2
python3 -c 'from model.train_many import train_many_command as t; t()' "$@" --data /tmp/rrcanet/data \
    --out /tmp/rrcanet/runs --minutes "$minutes" --device cuda ${COMPILE:+--compile} 2>&1 | tee -a "$OUT/train.log"
cp -r /tmp/rrcanet/runs "$OUT/"
