"""Measurements on the CPU: settings of ONNX Runtime side by side, and the time that each operator takes."""
