"""Rewrites of an exported graph that keep its function and need fewer operations."""

from collections import Counter

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

CONV, NORM = "Conv", "BatchNormalization"


def fold_batch_norms(graph: onnx.GraphProto) -> None:
    """Fold scale and shift of every batch norm into the convolution before it.

    A kernel that several passes share is copied for each pass, since each pass has its own batch norm. Runtimes fold
    when they load a graph, too; this function does it earlier, in float32, before the weights are rounded.
    """
    uses = _uses(graph)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for norm in [node for node in graph.node if node.op_type == NORM]:
        conv = next((node for node in graph.node if norm.input[0] in node.output), None)
        if conv is None or conv.op_type != CONV or uses[norm.input[0]] != 1:
            continue
        kernel, bias = _folded(conv, norm, weights)
        names = [f"{norm.output[0]}.{part}" for part in ("weight", "bias")]
        graph.initializer.extend(
            numpy_helper.from_array(values.astype(np.float32), name)
            for values, name in zip((kernel, bias), names, strict=True)
        )
        conv.input[:] = [conv.input[0], *names]
        conv.output[0] = norm.output[0]
        graph.node.remove(norm)
    drop_unused_initializers(graph)


def drop_unused_initializers(graph: onnx.GraphProto) -> None:
    """Remove constants that no node reads."""
    uses = _uses(graph)
    for tensor in [tensor for tensor in graph.initializer if not uses[tensor.name]]:
        graph.initializer.remove(tensor)


def _folded(
    conv: onnx.NodeProto, norm: onnx.NodeProto, weights: dict[str, onnx.TensorProto]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel ``[out, in, kh, kw]`` and bias ``[out]`` of the convolution that replaces ``conv`` and ``norm``."""
    kernel, *biases = (numpy_helper.to_array(weights[name]).astype(np.float64) for name in conv.input[1:])
    scale, shift, mean, variance = (numpy_helper.to_array(weights[name]).astype(np.float64) for name in norm.input[1:])
    epsilon = next(attribute.f for attribute in norm.attribute if attribute.name == "epsilon")
    gain = scale / np.sqrt(variance + epsilon)
    bias = biases[0] if biases else np.zeros(len(kernel))
    return kernel * gain[:, None, None, None], (bias - mean) * gain + shift


def _uses(graph: onnx.GraphProto) -> Counter[str]:
    """By name of a value: how many nodes read it, plus one if it is an output of the graph."""
    return Counter(name for node in graph.node for name in node.input) + Counter(value.name for value in graph.output)
