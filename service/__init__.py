"""The serving world: frames in, targets out. ONNX Runtime, no torch."""
