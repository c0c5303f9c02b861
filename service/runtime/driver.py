"""What stands between this machine and CUDA, asked of the driver itself."""

import ctypes
import re
from typing import Final

from service.extras import how_to_install, how_to_uninstall

NEEDED: Final = 13_000  # CUDA 13.0, as the driver counts: what the pinned onnxruntime-gpu is built for
FITTING: Final = "580"  # the first driver branch for it
DRIVER_LIBRARY: Final = "libcuda.so.1"
NO_DEVICE: Final = 100  # CUDA_ERROR_NO_DEVICE


def why_no_cuda(built: bool) -> str | None:
    """What is missing, and the hint; None if nothing is.

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
    fault = driver.cuInit(0)
    if fault == NO_DEVICE:
        return "the NVIDIA driver finds no GPU; in Docker run with --gpus all"
    if fault:
        return f"the NVIDIA driver does not start (CUDA error {fault}); nvidia-smi may say why"
    if not built:
        remove = how_to_uninstall("onnxruntime", "onnxruntime-gpu")  # both builds lie in one folder
        return f"this is the CPU build of ONNX Runtime: {remove}, then {how_to_install('gpu')}"
    return None


def why_no_libraries(said: str) -> str | None:
    """What is missing of CUDA's own libraries, and the hint; None if nothing is.

    Args:
        said: what ``onnxruntime.preload_dlls`` printed.
    """
    absent = [name.rpartition("/")[2] for name in re.findall(r"Failed to load (\S+?):", said)]
    if not absent:
        return None
    names = ", ".join(dict.fromkeys(absent))
    return f"CUDA's libraries do not load ({names}); {how_to_install('gpu')} brings them"


def _spell(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
