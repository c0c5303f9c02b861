"""The least that a graph must move and compute: bytes and operations, counted from the ONNX file itself.

Pointwise operations are free where they run as part of what feeds them: each fused group reads its inputs and writes
its outputs once. Batch norm is folded, a concatenation is written where it will be read.
"""

from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Final

import onnx
from onnx import TensorProto

from export.bench.ceilings import Ceilings
from export.onnx.shapes import with_shapes

POINTWISE: Final = frozenset({"Add", "BatchNormalization", "Cast", "Div", "Expand", "Mul", "Relu", "Sigmoid", "Sub"})
VIEWS: Final = frozenset({"Concat"})
BYTES: Final = {TensorProto.FLOAT: 4, TensorProto.FLOAT16: 2}


@dataclass(frozen=True, slots=True)
class Work:
    """Of one fused group: bytes to and from memory, floating-point operations (a multiply-add is two)."""

    bytes: int
    operations: int


def count_work(model: onnx.ModelProto, batch: int, height: int, width: int) -> list[Work]:
    """Work of every fused group of the graph, for input ``[batch, 1, height, width]``."""
    graph = with_shapes(model, (batch, 1, height, width))
    sizes = _Sizes(graph)
    groups = _fuse(list(graph.node))
    return [_work(group, graph, sizes) for group in groups]


def least_seconds(groups: list[Work], ceilings: Ceilings) -> float:
    """Every group takes the longer of moving its bytes and doing its operations."""
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
    """Groups of nodes that one kernel can do: at most one that is not pointwise, then pointwise ones.

    Pointwise nodes that follow each other are one chain, which belongs to the last heavier node that feeds it.
    """
    uses = Counter(name for node in nodes for name in node.input)
    producer = {name: index for index, node in enumerate(nodes) for name in node.output}
    leader = list(range(len(nodes)))  # of each node's chain: its last node
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
    """Inputs that have to be read: folded parameters of a batch norm are the convolution's own."""
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
