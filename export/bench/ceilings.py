"""Measures the limits of this device: memory bandwidth by copies, arithmetic rate by matrix products."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from service.runtime import CUDA
from service.runtime.cpus import available_cpus

COPY_BYTES: Final = 2**27  # far larger than any cache
CUDA_COPY_BYTES: Final = 2**31
SIDE, CUDA_SIDE = 1536, 8192  # side of the square matrices
REPEATS: Final = 5


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The highest rates measured on a device. ``how`` describes the measurement."""

    bytes_per_second: float
    operations_per_second: float
    how: str


def measure_ceilings(provider: str, precision: Literal["fp32", "fp16"]) -> Ceilings:
    """Measure now and take the best of ``REPEATS`` runs.

    Raises:
        ModuleNotFoundError: measuring CUDA needs torch, which is not installed.
    """
    return _cuda_ceilings(precision) if provider == CUDA else _cpu_ceilings()


def _cpu_ceilings() -> Ceilings:
    """Measure with NumPy: one thread per CPU copies, BLAS multiplies. It uses float32, as a CPU does for fp16 files."""
    threads = available_cpus()
    source = np.ones((threads, COPY_BYTES // 4 // threads), np.float32)
    target = np.empty_like(source)
    with ThreadPoolExecutor(threads) as pool:
        copied = _best(lambda: list(pool.map(np.copyto, target, source)))
    matrix = np.ones((SIDE, SIDE), np.float32)
    multiplied = _best(lambda: np.matmul(matrix, matrix))
    return Ceilings(2 * source.nbytes / copied, 2 * SIDE**3 / multiplied, f"NumPy, {threads} threads, float32")


def _cuda_ceilings(precision: str) -> Ceilings:  # pragma: cuda
    import torch

    kind = torch.float16 if precision == "fp16" else torch.float32
    torch.backends.cuda.matmul.allow_tf32 = False  # the service runs without TF32, too

    def timed(work: Callable[[], object]) -> float:
        def done() -> None:
            work()
            torch.cuda.synchronize()

        return _best(done)

    source = torch.ones(CUDA_COPY_BYTES // 4, device="cuda")
    target = torch.empty_like(source)
    copied = timed(lambda: target.copy_(source))
    numbers = torch.Generator("cuda").manual_seed(0)  # random matrices: products of ones draw less power and run faster
    matrix = torch.randn(CUDA_SIDE, CUDA_SIDE, device="cuda", dtype=kind, generator=numbers)
    product = torch.empty_like(matrix)
    multiplied = timed(lambda: torch.matmul(matrix, matrix, out=product))
    name = "float16" if precision == "fp16" else "float32"
    return Ceilings(2 * CUDA_COPY_BYTES / copied, 2 * CUDA_SIDE**3 / multiplied, f"PyTorch, {name}")


def _best(work: Callable[[], object]) -> float:
    work()
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return min(seconds)
