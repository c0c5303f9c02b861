"""Asks the NVIDIA driver whether this machine can use CUDA, and says what is missing."""

import ctypes
import logging
import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from typing import Final

from service.extras import how_to_install, how_to_uninstall
from service.runtime.interface import CUDA

NEEDED: Final = 13_000  # CUDA 13.0 in the driver's notation; the pinned onnxruntime-gpu is built for it
FITTING: Final = "580"  # the first driver branch that supports it
DRIVER_LIBRARY: Final = "libcuda.so.1"
NO_DEVICE: Final = 100  # CUDA_ERROR_NO_DEVICE

logger = logging.getLogger(__name__)


def missing_for_cuda() -> str | None:
    """What is missing to run on CUDA; None if nothing is.

    The driver is asked. ``get_available_providers`` only says what the build supports, and ``get_ep_devices`` misses
    GPUs in containers and virtual machines (microsoft/onnxruntime#27806).
    """
    return why_no_cuda(_is_built_for_cuda) or why_no_libraries(_load_libraries())


def warn_of_cpu(reason: str) -> None:
    """Log that ``auto`` takes the CPU, and why."""
    logger.warning("device auto: running on the CPU (%s); with device=cuda the service would not start", reason)


def _is_built_for_cuda() -> bool:
    import onnxruntime as ort  # not above: without a driver nobody needs it, and it takes memory and time

    return CUDA in ort.get_available_providers()


def _load_libraries() -> str:
    """Load CUDA's libraries from where pip installs them; returns what ONNX Runtime prints, which must not be shown."""
    import onnxruntime as ort

    with redirect_stdout(StringIO()) as printed:
        ort.preload_dlls(directory="")
    return printed.getvalue()


def why_no_cuda(built: Callable[[], bool]) -> str | None:
    """What is missing and how to fix it; None if nothing is missing.

    Args:
        built: whether this build of ONNX Runtime supports CUDA; called if the driver does.
    """
    try:
        driver = ctypes.CDLL(DRIVER_LIBRARY)
    except OSError:
        return (
            f"there is no NVIDIA driver ({DRIVER_LIBRARY}); install driver {FITTING} or newer, or run Docker with "
            "--gpus all"
        )
    version = ctypes.c_int(0)
    driver.cuDriverGetVersion(ctypes.byref(version))
    if version.value < NEEDED:
        return (
            f"the NVIDIA driver supports CUDA {_spell(version.value)}, but ONNX Runtime needs {_spell(NEEDED)}; "
            f"install driver {FITTING} or newer"
        )
    fault = driver.cuInit(0)
    if fault == NO_DEVICE:
        return "the NVIDIA driver finds no GPU; run Docker with --gpus all"
    if fault:
        return f"the NVIDIA driver does not start (CUDA error {fault}); nvidia-smi may say why"
    if not built():
        remove = how_to_uninstall("onnxruntime", "onnxruntime-gpu")  # both builds install into the same folder
        return f"the CPU build of ONNX Runtime is installed; run {remove}, then {how_to_install('gpu')}"
    return None


def why_no_libraries(printed: str) -> str | None:
    """Which CUDA libraries are missing and how to install them; None if all are there.

    Args:
        printed: output of ``onnxruntime.preload_dlls``.
    """
    absent = [name.rpartition("/")[2] for name in re.findall(r"Failed to load (\S+?):", printed)]
    if not absent:
        return None
    names = ", ".join(dict.fromkeys(absent))
    return f"CUDA libraries do not load ({names}); install them with {how_to_install('gpu')}"


def _spell(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"
