"""Runs a model file with ONNX Runtime or OpenVINO, and compares its golden frame with PyTorch."""

from service.runtime.choice import REFERENCE, Device, Engine, EngineChoice, Precision
from service.runtime.interface import CPU, CUDA, OPENVINO, ModelFault, ModelUnreadable
from service.runtime.onnxruntime.driver import missing_for_cuda
from service.runtime.runtime import DeviceLost, Runtime

__all__ = [
    "CPU",
    "CUDA",
    "OPENVINO",
    "REFERENCE",
    "Device",
    "DeviceLost",
    "Engine",
    "EngineChoice",
    "ModelFault",
    "ModelUnreadable",
    "Precision",
    "Runtime",
    "missing_for_cuda",
]
