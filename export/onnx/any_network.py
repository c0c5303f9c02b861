"""Makes a servable graph of any ONNX network with one image as input and one map as output.

Normalisation, the repetition of the channel and the sigmoid become part of the graph, as ``rrcanet export`` does it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.onnx.graph import INPUT, OUTPUT

PREFIX: Final = "rrcanet/"  # of every name that is added
AXES: Final = ("N", 1, "H", "W")
FREE_AXES: Final = "export it with free axes 0, 2 and 3 (dynamic_shapes or dynamic_axes of torch.onnx.export)"


class NetworkFault(Exception):
    """The network cannot be served. The message says why and what to do."""


def read_network(path: Path) -> onnx.ModelProto:
    """Read an ONNX file, with its external data if it has any.

    Raises:
        NetworkFault: the file is missing, is no ONNX, or its external data are missing.
    """
    if not path.is_file():
        raise NetworkFault(f"there is no file {path}")
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf and onnx have several kinds of errors for damaged files
        raise NetworkFault(f"{path} is no ONNX file that can be read: {error}") from error


def channels_of(network: onnx.ModelProto) -> int:
    """Check input and output, and return the number of channels of the input.

    Raises:
        NetworkFault: there is not exactly one input ``[N, C, H, W]`` and one output ``[N, 1, H, W]`` of float32 with
            free N, H and W.
    """
    constants = {constant.name for constant in network.graph.initializer}
    inputs = [one for one in network.graph.input if one.name not in constants]
    for what, tensors in (("input", inputs), ("output", list(network.graph.output))):
        if len(tensors) != 1:
            raise NetworkFault(
                f"the network has {len(tensors)} {what}s ({', '.join(one.name for one in tensors)}), but a model file "
                f"has one: keep the {'image' if what == 'input' else 'map'} alone, for example with "
                "onnx.utils.extract_model(OLD, NEW, [INPUT], [OUTPUT])"
            )
        _check_tensor(what, tensors[0])
    channels: int = inputs[0].type.tensor_type.shape.dim[1].dim_value
    if not channels:
        raise NetworkFault("the input has a free number of channels: export it with a fixed one, such as 1 or 3")
    out_channels = network.graph.output[0].type.tensor_type.shape.dim[1]
    if out_channels.HasField("dim_value") and out_channels.dim_value != 1:
        raise NetworkFault(
            f"the output has {out_channels.dim_value} channels, but a map of targets has one: [N, 1, H, W]; keep the "
            "channel of the targets"
        )
    return channels


def _check_tensor(what: str, tensor: onnx.ValueInfoProto) -> None:
    kind = tensor.type.tensor_type
    shape = [axis.dim_value if axis.HasField("dim_value") else axis.dim_param or "?" for axis in kind.shape.dim]
    found = f"the {what} {tensor.name} is {TensorProto.DataType.Name(kind.elem_type).lower()} {shape}"
    if kind.elem_type != TensorProto.FLOAT:
        raise NetworkFault(f"{found}: export it with float32 as type of the {what}")
    if len(shape) != 4:
        expected = "[N, C, H, W]" if what == "input" else "[N, 1, H, W]"
        raise NetworkFault(f"{found}: it must have four axes, {expected}; export it with that shape")
    if what == "input" and any(kind.shape.dim[axis].HasField("dim_value") for axis in (0, 2, 3)):
        raise NetworkFault(f"{found}: frames of other sizes would be refused; {FREE_AXES}")


def servable(network: onnx.ModelProto, mean: Sequence[float], std: Sequence[float], logits: bool) -> onnx.ModelProto:
    """A copy that takes intensities ``[N, 1, H, W]``, 0 to 255, and gives probabilities ``[N, 1, H, W]``.

    Args:
        network: passes ``channels_of``.
        mean, std: the network was trained on (intensity - mean) / std. One number, or one for each channel.
        logits: whether a sigmoid turns the output into probabilities.

    Raises:
        NetworkFault: ``mean`` or ``std`` has another number of channels.
    """
    model = onnx.ModelProto()
    model.CopyFrom(network)
    channels, graph = channels_of(network), model.graph
    constants = {constant.name for constant in graph.initializer}
    (first,) = (one.name for one in graph.input if one.name not in constants)
    last = graph.output[0].name
    before = [
        _constant("mean", _per_channel(mean, channels, "mean")),
        _constant("std", _per_channel(std, channels, "std")),
    ]
    around = [  # broadcasting repeats the channel where mean has several
        helper.make_node("Sub", [PREFIX + INPUT, PREFIX + "mean"], [PREFIX + "centred"], name=PREFIX + "sub"),
        helper.make_node("Div", [PREFIX + "centred", PREFIX + "std"], [first], name=PREFIX + "div"),
    ]
    after = helper.make_node("Sigmoid" if logits else "Identity", [last], [PREFIX + OUTPUT], name=PREFIX + "output")
    nodes = [*around, *graph.node, after]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.initializer.extend(before)
    graph.input.append(helper.make_tensor_value_info(PREFIX + INPUT, TensorProto.FLOAT, AXES))
    graph.output.append(helper.make_tensor_value_info(PREFIX + OUTPUT, TensorProto.FLOAT, AXES))
    return model


def opset_of(network: onnx.ModelProto) -> int:
    """Version of the standard operators; 0 if the network uses none."""
    return max((one.version for one in network.opset_import if one.domain in ("", "ai.onnx")), default=0)


def count_weights(network: onnx.ModelProto) -> int:
    """Number of weights: all floating-point constants of more than one element."""
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    sizes = [int(np.prod(one.dims)) for one in network.graph.initializer if one.data_type in kinds]
    return sum(size for size in sizes if size > 1)


def _constant(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(values, PREFIX + name)


def _per_channel(values: Sequence[float], channels: int, name: str) -> np.ndarray:
    """``[1, C, 1, 1]`` float32."""
    if len(values) not in (1, channels):
        raise NetworkFault(f"{len(values)} values of {name} for {channels} channels: give one, or one for each channel")
    numbers = np.resize(np.array(values, np.float32), channels)
    return numbers.reshape(1, channels, 1, 1)
