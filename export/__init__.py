"""Turns a checkpoint into an ONNX model file, checks that both agree, and measures accuracy and speed."""
