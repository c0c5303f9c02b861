#!/bin/sh
# On the GPU machine, once a call: puts the parts that came with it aside; joins them when all are there.
#   sh benchmarks/gpu/receive.sh NUMBER_OF_PARTS
set -eu
mkdir -p /tmp/rrcanet/parts
cp -n .gpu/parts/* /tmp/rrcanet/parts/ 2>/dev/null || true
[ -d .gpu/site ] && cp -r .gpu/site /tmp/rrcanet/ || true
count=$(find /tmp/rrcanet/parts -type f | wc -l)
echo "$count of $1 parts"
if [ "$count" -eq "$1" ] && [ ! -d /tmp/rrcanet/data ]; then
    mkdir /tmp/rrcanet/data.partly
    cat /tmp/rrcanet/parts/* | tar -C /tmp/rrcanet/data.partly -xf -
    mv /tmp/rrcanet/data.partly /tmp/rrcanet/data
    nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv
fi
