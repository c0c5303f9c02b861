"""What stands between this machine and CUDA, asked of the driver itself."""

import ctypes
from typing import Final

NEEDED: Final = 13_000  # CUDA 13.0, as the driver counts: what the pinned onnxruntime-gpu is built for
FITTING: Final = "580"  # the first driver branch for it
DRIVER_LIBRARY: Final = "libcuda.so.1"
NO_DEVICE: Final = 100  # CUDA_ERROR_NO_DEVICE


def why_no_cuda(built: bool) -> str | None:
    """What is missing, and the cure; None if nothing is.

    Args:
        built: whether this build of ONNX Runtime knows CUDA.
    """
    try:
        driver = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return f"no NVIDIA driver ({DRIVER_LIBRARY}); install {FITTING} or newer, or in Docker run with --gpus all"
    version = ctypes.c_int(0)
    driver.cuDriverGetVersion(ctypes.byref(version))
    if version.value < NEEDED:
        return (
            f"the NVIDIA driver is for CUDA {_spell(version.value)}, ONNX Runtime needs {_spell(NEEDED)}; "
            f"install driver {FITTING} or newer"
        )
    if driver.cuInit(0) == NO_DEVICE:
        return "the NVIDIA driver finds no GPU; in Docker run with --gpus all"
    if not built:
        return (
            "this is the CPU build of ONNX Runtime; pip install 'rrcanet-serve[gpu]', without the extra cpu beside it"
        )
    return None


def _spell(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
