"""The ONNX Runtime session: which device it is really on, and whether it answers as PyTorch did."""

from service.runtime.device import CPU, CUDA, Device, missing_for_cuda
from service.runtime.interface import ModelFault
from service.runtime.runtime import DeviceLost, Runtime

__all__ = ["CPU", "CUDA", "Device", "DeviceLost", "ModelFault", "Runtime", "missing_for_cuda"]
