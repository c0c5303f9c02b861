"""Copies that the driver makes, with a driver whose device is the CPU's own memory; a process of its own loads it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.small_models import write_small_model
from tests.support.tools import require_tool

DRIVER = """
#include <stdlib.h>
#include <string.h>
#define HERE if (!current) return 201  /* CUDA_ERROR_INVALID_CONTEXT */
static __thread void *current;
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &cuDeviceGet; return device; }
int cuCtxSetCurrent(void *context) { current = context; return 0; }
int cuMemAllocHost_v2(void **place, size_t size) { HERE; *place = malloc(size); return *place ? 0 : 2; }
int cuMemcpyHtoD_v2(unsigned long long to, void *from, size_t size) { HERE; memcpy((void *)to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, unsigned long long from, size_t size) { HERE; memcpy(to, (void *)from, size); return 0; }
int refuse(void) { return 2; }
"""
RUN = """
import sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np, onnxruntime as ort
from benchmarks.gpu.pinned import PinnedRuns, ask
session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
runs = PinnedRuns(session, "intensities", "probabilities", device="cpu")
def answer(number):
    given = np.random.default_rng(number).uniform(0, 255, (number, 1, 8, 16)).astype(np.float32)
    np.testing.assert_allclose(runs.run(given), given / 255, atol=1e-6)
for number in (1, 3, 2, 4):
    answer(number)
assert len(runs._buffers) == 3
with ThreadPoolExecutor(1) as pool:
    pool.submit(answer, 8).result()
assert len(runs._buffers) == 4
try:
    ask("refuse")
except OSError as error:
    print(error)
"""


def test_frames_and_answers_pass_through_the_drivers_memory(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "m.onnx")
    source = tmp_path / "driver.c"
    source.write_text(DRIVER)
    library = tmp_path / "libcuda.so.1"
    subprocess.run([require_tool("cc"), "-shared", "-fPIC", "-o", library, source], check=True)
    environment = os.environ | {"LD_LIBRARY_PATH": str(tmp_path)}
    command = [sys.executable, "-c", RUN, str(model)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert result.stdout == "CUDA failure 2: refuse\n"
