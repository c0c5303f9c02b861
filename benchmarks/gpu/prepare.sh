#!/bin/sh
# Makes .gpu/ here: Python 3.12 packages that the GPU machine lacks, and the data sets in parts of at most 30 MB, to be
# carried over consecutive calls.   benchmarks/gpu/prepare.sh DATASETS
set -eu
cd "$(dirname "$0")/../.."
rm -rf .gpu && mkdir -p .gpu/wheels .gpu/site .gpu/parts
python3 -m pip -q download -d .gpu/wheels --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 \
    --platform manylinux2014_x86_64 --no-deps \
    pydantic==2.14.3 pydantic-core==2.50.4 annotated-types==0.8.0 typing-inspection==0.4.5 \
    pydantic-settings==2.16.3 python-dotenv==1.2.4 safetensors==0.8.0 prometheus-client==0.26.0
for wheel in .gpu/wheels/*.whl; do python3 -m zipfile -e "$wheel" .gpu/site; done
rm -rf .gpu/wheels
tar -C "$1" -cf - NUAA-SIRST IRSTD-1k DenseSIRST | split -b 30M - .gpu/parts/data.tar.
ls -l .gpu/parts
