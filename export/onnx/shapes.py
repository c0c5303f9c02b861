"""Shape inference: numeric shapes of every value for one frame size, and symbolic shapes stored in the file."""

from typing import Final

import onnx
from onnx.shape_inference import infer_shapes

BATCH: Final = 3  # frames of the example
EXAMPLE: Final = 65  # side of these frames in strides; no multiple of a window


def infer_shapes_for(model: onnx.ModelProto, shape: tuple[int, ...]) -> onnx.GraphProto:
    """A copy of the graph in which every value has a numeric shape, for an input of shape ``shape``."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    for axis, size in zip(fixed.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        axis.dim_value = size
    del fixed.graph.value_info[:]
    for axis in fixed.graph.output[0].type.tensor_type.shape.dim:
        axis.Clear()
    return infer_shapes(fixed, strict_mode=True, data_prop=True).graph


def name_shapes(model: onnx.ModelProto, stride: int) -> None:
    """Store the shape of every feature map relative to the input, such as ``[N, 16, H/2, W/2]``.

    With these names ONNX Runtime knows that both operands of an addition have the same shape, so it fuses addition and
    ReLU into the convolution.
    """
    side = EXAMPLE * stride
    inferred = infer_shapes_for(model, (BATCH, 1, side, side)).value_info
    activations = {name for node in model.graph.node for name in node.output}
    values = [value for value in inferred if value.name in activations]
    shaped = [value for value in values if len(value.type.tensor_type.shape.dim) == 4]  # others depend on the size
    for value in (*model.graph.input, *model.graph.output, *shaped):
        axes = value.type.tensor_type.shape.dim
        if axes[0].dim_value != 1:
            axes[0].dim_param = "N"
        for axis, name in zip(axes[2:], "HW", strict=True):
            if axis.dim_value != 1:
                _name_axis(axis, name, side, stride)
    del model.graph.value_info[:]
    model.graph.value_info.extend(shaped)


def _name_axis(axis: onnx.TensorShapeProto.Dimension, name: str, side: int, stride: int) -> None:
    """Name an axis by its share of ``side``. Only the levels of the network have one; other axes get no name."""
    share, rest = divmod(side, axis.dim_value or side)
    if rest or share > stride:
        axis.Clear()
    else:
        axis.dim_param = name if share == 1 else f"{name}/{share}"
