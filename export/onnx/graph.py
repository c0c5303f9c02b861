"""Exports a trained network as an ONNX graph: intensities in, probabilities out."""

import io
from typing import Final, Literal, get_args

import onnx
import torch
from torch import Tensor, nn

from export.onnx.cuda_check import OPSET
from export.onnx.half import to_float16
from export.onnx.shapes import name_shapes
from model.network.checkpoint import Checkpoint
from model.network.normalisation import Normalisation

INPUT, OUTPUT = "intensities", "probabilities"
Precision = Literal["fp32", "fp16"]
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)


class ServedNetwork(nn.Module):
    """The network with normalisation before it and the sigmoid after it, so that a server needs to know neither.

    Shapes: intensities ``[N, 1, H, W]``, 0 to 255 ``->`` probabilities ``[N, 1, H, W]``.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        super().__init__()
        self._network = checkpoint.network
        self._normalised = Normalisation(checkpoint.record.mean, checkpoint.record.std, checkpoint.network.in_channels)

    def forward(self, intensities: Tensor) -> Tensor:
        return torch.sigmoid(self._network(self._normalised(intensities)))


def export_graph(checkpoint: Checkpoint, precision: Precision = "fp32") -> onnx.ModelProto:
    """Trace the network. Batch, height and width stay dynamic; height and width must be multiples of the stride.

    Raises:
        HalfOverflow: a weight is too large for ``fp16``.
    """
    graph = _trace(checkpoint)
    _strip(graph.graph)
    if precision == "fp16":
        to_float16(graph)
    name_shapes(graph, checkpoint.network.stride)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def _trace(checkpoint: Checkpoint) -> onnx.ModelProto:
    served = ServedNetwork(checkpoint).eval()
    stride = checkpoint.network.stride
    rows, columns = torch.export.Dim("rows", min=1), torch.export.Dim("columns", min=1)
    dynamic = {0: torch.export.Dim("N", min=1), 2: stride * rows, 3: stride * columns}
    example = torch.zeros(2, 1, 3 * stride, 4 * stride)
    program = torch.onnx.export(
        served,
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=(dynamic,),
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    buffer = io.BytesIO()
    program.save(buffer)  # type: ignore[arg-type]  # save() also accepts a file object; its annotation omits that
    return onnx.load_from_string(buffer.getvalue())


def _strip(graph: onnx.GraphProto) -> None:
    """Remove the exporter's debugging notes. They are half of the file."""
    del graph.value_info[:]
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
