"""Runs on CUDA whose frames and answers pass through page-locked memory: how much faster the copies could be.

A copy from ordinary memory goes through the driver's own buffer first. The driver is asked directly, since ONNX
Runtime's Python interface has no such memory.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from service.runtime.cuda_runs import CudaRuns, Slot
from service.runtime.driver import DRIVER_LIBRARY

ITEM: Final = np.dtype(np.float32).itemsize
Array = NDArray[np.float32]


class PinnedRuns(CudaRuns):
    """As ``CudaRuns``; an answer is overwritten by the next of its shape. Two buffers a shape are kept to the end.

    Copies go through the context that CUDA's runtime shares within the process, and with it ONNX Runtime.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._context = primary_context()
        self._buffers: dict[int, tuple[Array, Array]] = {}

    def _give(self, slot: Slot, intensities: Array) -> None:
        ask("cuCtxSetCurrent", self._context)  # a thread that is new has none
        given, _ = self._buffers_of(slot)
        np.copyto(given, intensities)
        ask("cuMemcpyHtoD_v2", ctypes.c_uint64(slot.input.data_ptr()), _address(given), ctypes.c_size_t(given.nbytes))

    def _take(self, slot: Slot) -> Array:
        _, found = self._buffers_of(slot)
        ask("cuMemcpyDtoH_v2", _address(found), ctypes.c_uint64(slot.output.data_ptr()), ctypes.c_size_t(found.nbytes))
        return found

    def _buffers_of(self, slot: Slot) -> tuple[Array, Array]:
        place = slot.input.data_ptr()
        if place not in self._buffers:
            self._buffers[place] = page_locked(slot.input.shape()), page_locked(slot.output.shape())
        return self._buffers[place]


def primary_context() -> ctypes.c_void_p:
    """Of the first device, kept alive to the end of the process.

    Raises:
        OSError: there is none.
    """
    device, context = ctypes.c_int(), ctypes.c_void_p()
    ask("cuDeviceGet", ctypes.byref(device), ctypes.c_int(0))
    ask("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    return context


def page_locked(shape: list[int]) -> Array:
    """An array in memory that stays where it is, so that the device copies by itself; needs a current context.

    Raises:
        OSError: the driver gives none.
    """
    place = ctypes.c_void_p()
    ask("cuMemAllocHost_v2", ctypes.byref(place), ctypes.c_size_t(prod(shape) * ITEM))
    memory = (ctypes.c_float * prod(shape)).from_address(place.value or 0)
    array: Array = np.ctypeslib.as_array(memory).reshape(shape)
    return array


def ask(name: str, *arguments: object) -> None:
    """Call the driver, which the session has started.

    Raises:
        OSError: what it answers.
    """
    function: Callable[..., int] = getattr(_driver(), name)
    fault = function(*arguments)
    if fault:
        raise OSError(f"CUDA failure {fault}: {name}")


@cache
def _driver() -> ctypes.CDLL:
    return ctypes.CDLL(DRIVER_LIBRARY)


def _address(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
