"""Converts a float32 graph to float16: weights and arithmetic change, inputs and outputs stay float32."""

from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.onnx.rewrites import fold_batch_norms

NORMALISATION: Final = frozenset({"Sub", "Div"})  # operators that normalise intensities before the first convolution
FULL_INPUTS: Final = {"Resize": {1, 2}}  # by operator: inputs that must be float32 even if the data is float16
LARGEST: Final = float(np.finfo(np.float16).max)


class HalfOverflow(Exception):
    """A weight is too large for float16. The message names it."""


def to_float16(model: onnx.ModelProto) -> None:
    """Change ``model`` in place: normalisation and final sigmoid stay float32, everything between becomes float16.

    Means over all pixels are float16 nodes, too. This is safe: ONNX Runtime's CUDA kernels and cuDNN accumulate them in
    float32, and a CPU runs the whole node in float32.

    Raises:
        HalfOverflow: a weight is too large for float16.
    """
    graph = model.graph
    fold_batch_norms(graph)
    first, last = _input_tail(graph), _producer(graph, graph.output[0].name)
    full = {name for node in (*_normalisation(graph), last) for name in (*node.input, *node.output)}
    full |= {node.input[i] for node in graph.node for i in FULL_INPUTS.get(node.op_type, ()) if i < len(node.input)}
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and tensor.name not in full:
            tensor.CopyFrom(_rounded(tensor))
    _retarget_casts(graph)
    _cast_after(graph, first)
    _cast_before(graph, last)
    del graph.value_info[:]


def _normalisation(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Nodes that normalise the input, in order; empty if there are none."""
    chain: list[onnx.NodeProto] = []
    value = graph.input[0].name
    while True:
        nodes = [node for node in graph.node if value in node.input]
        if len(nodes) != 1 or nodes[0].op_type not in NORMALISATION:
            return chain
        chain.append(nodes[0])
        value = nodes[0].output[0]


def _input_tail(graph: onnx.GraphProto) -> str:
    """Name of the normalised input, the last value that stays float32."""
    chain = _normalisation(graph)
    return str(chain[-1].output[0] if chain else graph.input[0].name)


def _producer(graph: onnx.GraphProto, name: str) -> onnx.NodeProto:
    producer: onnx.NodeProto = next(node for node in graph.node if name in node.output)
    return producer


def _retarget_casts(graph: onnx.GraphProto) -> None:
    """Let casts of counts to float32 give float16, as everything that they meet is float16."""
    for node in graph.node:
        target = next((one for one in node.attribute if node.op_type == "Cast" and one.name == "to"), None)
        if target is not None and target.i == TensorProto.FLOAT:
            target.i = TensorProto.FLOAT16


def _cast_after(graph: onnx.GraphProto, name: str) -> None:
    """Insert a cast to float16 after value ``name`` and let every reader of ``name`` read the cast value."""
    rounded = f"{name}_half"
    readers = [node for node in graph.node if name in node.input]
    first = min(list(graph.node).index(node) for node in readers)
    for node in readers:
        node.input[:] = [rounded if one == name else one for one in node.input]
    graph.node.insert(first, helper.make_node("Cast", [name], [rounded], to=TensorProto.FLOAT16))


def _cast_before(graph: onnx.GraphProto, node: onnx.NodeProto) -> None:
    """Insert a cast to float32 before the first input of ``node``."""
    name = node.input[0]
    full = f"{name}_float"
    node.input[0] = full
    graph.node.insert(list(graph.node).index(node), helper.make_node("Cast", [name], [full], to=TensorProto.FLOAT))


def _rounded(tensor: onnx.TensorProto) -> onnx.TensorProto:
    values = numpy_helper.to_array(tensor)
    if not (np.abs(values) <= LARGEST).all():
        raise HalfOverflow(f"{tensor.name} holds {np.abs(values).max():.3g}, which is more than float16 can store")
    return numpy_helper.from_array(values.astype(np.float16), tensor.name)
