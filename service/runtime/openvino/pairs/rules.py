"""What takes the place of each node of a network that reads or makes a map in pairs."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset15 as op

from service.runtime.openvino.pairs.layers import added, convolved, enlarged, pooled, rectified, reduced
from service.runtime.openvino.pairs.maps import Map, Origin, Parts, Unsuitable, Value, constant

MOST: Final = 8  # channels of a map at full size: two pixels fill a vector
SPATIAL: Final = [2, 3]
Rule: TypeAlias = Callable[[ov.Node, Sequence[Value]], Value]


def _convolution(node: ov.Node, inputs: Sequence[Value]) -> Map:
    source, kernel = inputs[0], _numbers(inputs[1])
    half = [side // 2 for side in kernel.shape[2:]]
    _require(node, strides=[1, 1], dilations=[1, 1], pads_begin=half, pads_end=half)
    if len(kernel) > MOST or not all(side % 2 for side in kernel.shape[2:]):
        raise Unsuitable("a convolution")
    if not isinstance(source, tuple):
        return convolved(source, kernel)
    starts = list(accumulate(part.channels for part in source))[:-1]
    first, *others = map(convolved, source, np.split(kernel, starts, axis=1))
    for other in others:  # the parts are not joined: the convolutions of each are added
        first = added(first, other)
    return first


def _relu(node: ov.Node, inputs: Sequence[Value]) -> Map:
    readers = [target.get_node() for target in node.output(0).get_target_inputs()]
    return rectified(_map(inputs[0]), before_convolution=any(map(_reads_pixels, readers)))


def _reads_pixels(node: ov.Node) -> bool:
    return node.get_type_name() == "Convolution" and list(node.get_input_shape(1))[2:] != [1, 1]


def _sigmoid(node: ov.Node, inputs: Sequence[Value]) -> Map:
    return Map(op.sigmoid(_map(inputs[0]).port).output(0))


def _batch_norm(node: ov.Node, inputs: Sequence[Value]) -> Map:
    source = _map(inputs[0])
    constants = [constant(np.tile(_numbers(value), 2)) for value in inputs[1:]]
    made = op.batch_norm_inference(source.port, *constants, node.get_attributes()["epsilon"])
    return Map(made.output(0), source.origin)


def _add(node: ov.Node, inputs: Sequence[Value]) -> Map:
    one, other = inputs
    if isinstance(one, Map) and isinstance(other, Map):
        return added(one, other)
    return _with_channels(op.add, inputs)


def _multiply(node: ov.Node, inputs: Sequence[Value]) -> Map:
    one, other = inputs
    if isinstance(one, Map) and isinstance(other, Map):
        return Map(op.multiply(one.port, other.port).output(0))
    return _with_channels(op.multiply, inputs)


def _with_channels(operation: Callable[[ov.Output, ov.Output], ov.Node], inputs: Sequence[Value]) -> Map:
    """A map and one number for each channel, in either order."""
    source, other = inputs if isinstance(inputs[0], Map) else reversed(inputs)
    source = _map(source)
    if isinstance(other, Map | tuple) or list(other.get_shape()) != [1, source.channels, 1, 1]:
        raise Unsuitable("a shape")
    is_constant = other.get_node().get_type_name() == "Constant"
    both = op.concat([other, other], 1).output(0)
    return Map(operation(source.port, both).output(0), source.origin if is_constant else Origin.OTHER)


def _concat(node: ov.Node, inputs: Sequence[Value]) -> Parts:
    _require(node, axis=1)
    return tuple(_map(value) for value in inputs)


def _max_pool(node: ov.Node, inputs: Sequence[Value]) -> ov.Output:
    _require(node, kernel=[2, 2], strides=[2, 2], dilations=[1, 1], pads_begin=[0, 0], pads_end=[0, 0])
    return pooled(_map(inputs[0]))


def _reduce_max(node: ov.Node, inputs: Sequence[Value]) -> ov.Output:
    return reduced(_whole(node, inputs), op.reduce_max)


def _reduce_mean(node: ov.Node, inputs: Sequence[Value]) -> ov.Output:
    return reduced(_whole(node, inputs), op.reduce_mean)


def _whole(node: ov.Node, inputs: Sequence[Value]) -> Map:
    """The map that a node reduces to one number for each channel."""
    _require(node, keep_dims=True)
    if sorted(np.atleast_1d(_numbers(inputs[1])).tolist()) != SPATIAL:
        raise Unsuitable("a reduction")
    return _map(inputs[0])


def _interpolate(node: ov.Node, inputs: Sequence[Value]) -> Map:
    none = [0, 0, 0, 0]
    _require(node, mode="linear_onnx", coordinate_transformation_mode="align_corners", antialias=False)
    _require(node, pads_begin=none, pads_end=none)
    source, (_, channels, height, width) = inputs[0], node.get_output_shape(0)
    if channels > MOST or isinstance(source, Map | tuple):
        raise Unsuitable("an enlargement")
    if list(source.get_shape()) != [1, channels, height // 2, width // 2]:
        raise Unsuitable("an enlargement")
    return enlarged(source)


def _result(node: ov.Node, inputs: Sequence[Value]) -> ov.Output:
    return _map(inputs[0]).pixels


def _map(value: Value) -> Map:
    if not isinstance(value, Map):
        raise Unsuitable("a tensor beside a map")
    return value


def _numbers(value: Value) -> NDArray[np.float32]:
    """Those of a constant."""
    if isinstance(value, Map | tuple) or value.get_node().get_type_name() != "Constant":
        raise Unsuitable("a computed tensor")
    numbers: NDArray[np.float32] = value.get_node().data
    return numbers


def _require(node: ov.Node, **attributes: Any) -> None:
    given = node.get_attributes()
    for name, value in attributes.items():
        if given.get(name) != value:
            raise Unsuitable(name)


RULES: Final[Mapping[str, Rule]] = {
    "Add": _add,
    "BatchNormInference": _batch_norm,
    "Concat": _concat,
    "Convolution": _convolution,
    "Interpolate": _interpolate,
    "MaxPool": _max_pool,
    "Multiply": _multiply,
    "ReduceMax": _reduce_max,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Result": _result,
    "Sigmoid": _sigmoid,
}
