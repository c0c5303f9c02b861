"""The same function in fewer operations: exact changes to an exported graph."""

from collections import Counter
from typing import Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

CONV, NORM, RESIZE = "Conv", "BatchNormalization", "Resize"
NARROWING: Final = (1, 1)  # kernel of a convolution that looks at one pixel


def project_before_upsampling(graph: onnx.GraphProto) -> None:
    """Run a 1x1 convolution before the bilinear upsampling that feeds it, on a quarter of the pixels.

    Both are linear, and interpolation weights sum to 1, so that they commute, bias included. What is upsampled then
    has the convolution's fewer channels, and stays in the blocked layout that ONNX Runtime's CPU convolutions write.
    """
    uses = _uses(graph)
    for resize in [node for node in graph.node if node.op_type == RESIZE]:
        conv = _only_consumer(graph, resize.output[0], uses)
        if conv is None or conv.op_type != CONV or _kernel(conv) != NARROWING:
            continue
        wide, narrow, result = resize.input[0], f"{conv.output[0]}_before", conv.output[0]
        projected = onnx.NodeProto()
        projected.CopyFrom(conv)
        projected.input[0], projected.output[0] = wide, narrow
        resize.input[0], resize.output[0] = narrow, result
        graph.node.remove(conv)
        graph.node.insert(list(graph.node).index(resize), projected)


def fold_batch_norms(graph: onnx.GraphProto) -> None:
    """Scale and shift of every batch norm into the convolution before it.

    Kernels that several passes share become one for each pass. Runtimes do the same when they load a graph; here it is
    done in float32, before weights are rounded.
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
    """Forget constants that no node reads."""
    uses = _uses(graph)
    for tensor in [tensor for tensor in graph.initializer if not uses[tensor.name]]:
        graph.initializer.remove(tensor)


def _folded(
    conv: onnx.NodeProto, norm: onnx.NodeProto, weights: dict[str, onnx.TensorProto]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kernel ``[out, in, kh, kw]`` and bias ``[out]``."""
    kernel, *biases = (numpy_helper.to_array(weights[name]).astype(np.float64) for name in conv.input[1:])
    scale, shift, mean, variance = (numpy_helper.to_array(weights[name]).astype(np.float64) for name in norm.input[1:])
    epsilon = next(attribute.f for attribute in norm.attribute if attribute.name == "epsilon")
    gain = scale / np.sqrt(variance + epsilon)
    bias = biases[0] if biases else np.zeros(len(kernel))
    return kernel * gain[:, None, None, None], (bias - mean) * gain + shift


def _uses(graph: onnx.GraphProto) -> Counter[str]:
    """How often each value is read, by a node or by the caller."""
    return Counter(name for node in graph.node for name in node.input) + Counter(value.name for value in graph.output)


def _only_consumer(graph: onnx.GraphProto, name: str, uses: Counter[str]) -> onnx.NodeProto | None:
    if uses[name] != 1:
        return None
    return next((node for node in graph.node if name in node.input), None)


def _kernel(conv: onnx.NodeProto) -> tuple[int, ...]:
    return next(tuple(attribute.ints) for attribute in conv.attribute if attribute.name == "kernel_shape")
