"""Runs a model file with ONNX Runtime, checks the device it runs on, and compares its golden frame with PyTorch."""

from service.runtime.device import CPU, CUDA, Device, missing_for_cuda
from service.runtime.interface import ModelFault, ModelUnreadable
from service.runtime.runtime import DeviceLost, Runtime

__all__ = ["CPU", "CUDA", "Device", "DeviceLost", "ModelFault", "ModelUnreadable", "Runtime", "missing_for_cuda"]
