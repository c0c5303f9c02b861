"""The layers of a network on maps in pairs of pixels."""

from collections.abc import Callable

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset15 as op

from service.runtime.openvino.pairs.maps import Map, Origin, constant, view

Kernel = NDArray[np.float32]  # [out, in, rows, columns]


def convolved(source: Map | ov.Output, kernel: Kernel) -> Map:
    """A convolution with step 1 that keeps the size; the source may be a map with a column for each pixel, too."""
    if isinstance(source, Map) and kernel.shape[2:] == (1, 1):
        both = np.kron(np.eye(2, dtype=np.float32), kernel[:, :, 0, 0])  # [2 out, 2 in]
        return _convolution(source.port, both[:, :, None, None], (0, 0), (1, 1))
    padding = (kernel.shape[2] // 2, kernel.shape[3] // 2)
    return _convolution(_pixels(source), _for_both_pixels(kernel), padding, (1, 2))


def _convolution(port: ov.Output, kernel: Kernel, padding: tuple[int, int], steps: tuple[int, int]) -> Map:
    made = op.convolution(port, constant(kernel), steps, padding, padding, (1, 1))
    return Map(made.output(0), Origin.CONVOLUTION)


def _pixels(source: Map | ov.Output) -> ov.Output:
    return source.pixels if isinstance(source, Map) else source


def _for_both_pixels(kernel: Kernel) -> Kernel:
    """``[out, in, rows, columns] -> [2 out, in, rows, columns + 1]``: for the left pixel, then one column further."""
    left, right = ((0, 0), (0, 0), (0, 0), (0, 1)), ((0, 0), (0, 0), (0, 0), (1, 0))
    return np.concatenate([np.pad(kernel, left), np.pad(kernel, right)])


def added(one: Map, other: Map) -> Map:
    """The sum of two maps."""
    of_convolution = Origin.CONVOLUTION in (one.origin, other.origin)
    return Map(op.add(one.port, other.port).output(0), Origin.SUM if of_convolution else Origin.OTHER)


def rectified(source: Map, *, before_convolution: bool) -> Map:
    """``max(x, 0)``. Not as a ReLU where OpenVINO would merge it into a sum that a convolution reads as pixels."""
    if source.origin is Origin.SUM and before_convolution:
        return Map(op.maximum(source.port, constant(np.zeros((1, 1, 1, 1), np.float32))).output(0))
    return Map(op.relu(source.port).output(0))


def pooled(source: Map) -> ov.Output:
    """The maximum over two by two pixels: ``[1, C, H / 2, W / 2]``."""
    rows = op.max_pool(source.port, (2, 1), (1, 1), (0, 0), (0, 0), (2, 1))
    left, right = op.split(rows.output(0), constant(1), 2).outputs()
    return op.maximum(left, right).output(0)


def reduced(source: Map, operation: Callable[[ov.Output, ov.Node, bool], ov.Node]) -> ov.Output:
    """The mean or the maximum over a map, ``[1, C, 1, 1]``: of the left and of the right pixels, then of both."""
    channels = source.channels
    sides = operation(source.port, constant([2, 3]), True).output(0)
    apart = op.reshape(sides, constant([1, 2, channels, 1]), False).output(0)
    return op.reshape(operation(apart, constant([1]), True), constant([1, channels, 1, 1]), False).output(0)


def enlarged(port: ov.Output) -> Map:
    """Bilinear enlargement by two with aligned corners: ``[1, C, H, W]`` to pairs of ``[1, C, 2 H, 2 W]``.

    Rows first, of all columns at once. Then the left pixel of pair x lies between columns x - 1 and x, and the right
    one between x and x + 1.
    """
    _, channels, _, width = port.get_shape()
    rows = view(_enlarged_rows(view(port, 1)), width)
    same = np.eye(channels, dtype=np.float32)
    towards = [np.multiply.outer(same, np.asarray(weights, np.float32)) for weights in ((1, -1, 0), (0, -1, 1))]
    own = _convolution(rows, np.concatenate([same, same])[:, :, None, None], (0, 0), (1, 1))
    step = _convolution(rows, np.concatenate(towards)[:, :, None], (0, 1), (1, 1))
    shares = np.stack([np.arange(width), np.arange(width)[::-1]]) / (2 * width - 1)  # [2, W]
    scaled = op.multiply(step.port, constant(shares.repeat(channels, 0)[None, :, None].astype(np.float32)))
    return Map(op.add(own.port, scaled).output(0))


def _enlarged_rows(port: ov.Output) -> ov.Output:
    return op.interpolate(
        port,
        constant(np.asarray([2], np.float32)),
        mode="linear_onnx",
        shape_calculation_mode="scales",
        coordinate_transformation_mode="align_corners",
        axes=constant([2]),
    ).output(0)
