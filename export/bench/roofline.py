"""Counts the bytes that a graph must move and the operations that it must compute, from the ONNX file itself.

The count assumes ideal fusion. Pointwise operations run as part of the operation before them, so each fused group reads
its inputs and writes its outputs once. Batch norm is folded into the convolution. A concatenation costs nothing: its
parts are written to the place where they are read.
"""

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Final

import onnx
from onnx import TensorProto

from export.bench.ceilings import Ceilings
from export.onnx.shapes import infer_shapes_for

POINTWISE: Final = frozenset({"Add", "BatchNormalization", "Cast", "Div", "Expand", "Mul", "Relu", "Sigmoid", "Sub"})
VIEWS: Final = frozenset({"Concat"})
BYTES: Final = {TensorProto.FLOAT: 4, TensorProto.FLOAT16: 2}


@dataclass(frozen=True, slots=True)
class Work:
    """Work of one fused group: bytes moved, and floating-point operations (a multiply-add counts as two)."""

    bytes: int
    operations: int


def count_work(model: onnx.ModelProto, batch: int, height: int, width: int) -> list[Work]:
    """Work of every fused group of the graph, for input ``[batch, 1, height, width]``."""
    graph = infer_shapes_for(model, (batch, 1, height, width))
    sizes = _Sizes(graph)
    groups = _fuse(list(graph.node))
    return [_work(group, graph, sizes) for group in groups]


def least_seconds(groups: list[Work], ceilings: Ceilings) -> float:
    """Shortest possible time: each group takes as long as its memory traffic or its arithmetic, whichever is longer."""
    return sum(
        max(group.bytes / ceilings.bytes_per_second, group.operations / ceilings.operations_per_second)
        for group in groups
    )


class _Sizes:
    """Shapes and bytes of every value of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.shapes: dict[str, tuple[int, ...]] = {
            value.name: tuple(axis.dim_value for axis in value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.output, *graph.value_info)
        } | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
        types = {
            value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.output, *graph.value_info)
        } | {tensor.name: tensor.data_type for tensor in graph.initializer}
        self._width: dict[str, int] = {
            name: BYTES.get(kind, 0) for name, kind in types.items()
        }  # shapes and axes are no traffic

    def bytes(self, name: str) -> int:
        return prod(self.shapes[name]) * self._width[name]

    def elements(self, name: str) -> int:
        return prod(self.shapes[name])


def _fuse(nodes: list[onnx.NodeProto]) -> list[list[onnx.NodeProto]]:
    """Group nodes that one kernel can run: at most one node that is not pointwise, followed by pointwise nodes.

    Consecutive pointwise nodes form a chain. A chain belongs to the last node before it that is not pointwise.
    """
    uses = Counter(name for node in nodes for name in node.input)
    producer = {name: index for index, node in enumerate(nodes) for name in node.output}
    leader = list(range(len(nodes)))  # by node: the last node of its chain
    for index in reversed(range(len(nodes))):
        if nodes[index].op_type in POINTWISE and uses[nodes[index].output[0]] == 1:
            follower = next(
                later for later in range(index + 1, len(nodes)) if nodes[index].output[0] in nodes[later].input
            )
            if nodes[follower].op_type in POINTWISE:
                leader[index] = leader[follower]
    home = list(range(len(nodes)))
    for chain_end in {leader[index] for index, node in enumerate(nodes) if node.op_type in POINTWISE}:
        chain = [index for index in range(len(nodes)) if leader[index] == chain_end]
        feeding = [producer[name] for index in chain for name in nodes[index].input if name in producer]
        heavy = [index for index in feeding if nodes[index].op_type not in POINTWISE | VIEWS]
        for index in chain:
            home[index] = max(heavy, default=chain_end)
    groups: dict[int, list[onnx.NodeProto]] = {}
    for index, node in enumerate(nodes):
        if node.op_type not in VIEWS:
            groups.setdefault(home[index], []).append(node)
    return list(groups.values())


def _work(group: list[onnx.NodeProto], graph: onnx.GraphProto, sizes: _Sizes) -> Work:
    made = {name for node in group for name in node.output}
    read = {name for node in group for name in _data(node) if name and name not in made}
    inside = Counter(name for node in group for name in node.input)
    everywhere = Counter(name for node in graph.node for name in node.input)
    results = {value.name for value in graph.output}
    written = {name for name in made if name in results or everywhere[name] > inside[name]}
    return Work(
        bytes=sum(sizes.bytes(name) for name in read | written),
        operations=sum(_operations(node, sizes) for node in group),
    )


def _data(node: onnx.NodeProto) -> list[str]:
    """Inputs that must be read. The parameters of a batch norm are not: they are folded into the convolution."""
    return list(node.input[:1] if node.op_type == "BatchNormalization" else node.input)


def _operations(node: onnx.NodeProto, sizes: _Sizes) -> int:
    result = sizes.elements(node.output[0])
    match node.op_type:
        case "Conv":
            return 2 * result * prod(sizes.shapes[node.input[1]][1:])
        case "BatchNormalization" | "Cast" | "Expand":
            return 0
        case "Resize":
            return 9 * result  # three interpolations of three operations
        case "MaxPool":
            return 4 * result
        case "ReduceMean" | "ReduceMax":
            return sizes.elements(node.input[0])
        case _:
            return result
