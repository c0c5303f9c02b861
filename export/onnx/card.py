"""The card of a model file: name, version, origin, scores and calibration, stored in the file's ONNX metadata."""

from pathlib import Path

import onnx
import torch
from torch import nn

from export.onnx.cuda_check import OPSET
from export.onnx.golden import golden_check
from export.onnx.graph import Precision, ServedNetwork
from export.report.report import Report
from model.files import write_atomically
from model.network.checkpoint import Checkpoint
from service.runtime.card import (
    METADATA_KEY,
    UNCALIBRATED,
    Calibration,
    Card,
    CudaGate,
    Measurement,
    OperatingPoints,
    PrecisionGate,
)


def make_card(checkpoint: Checkpoint, name: str, version: str, threshold: float, precision: Precision = "fp32") -> Card:
    """Make the card of a freshly exported network, without measurements and calibration: these are added later."""
    record = checkpoint.record
    return Card(
        name=name,
        version=version,
        description=record.description,
        trained_on=record.datasets,
        split=record.split,
        recipe=record.recipe,
        steps=record.steps,
        seed=record.seed,
        commit=record.commit,
        parameters=count_parameters(checkpoint.network),
        in_channels=record.network.in_channels,
        pool_window=record.network.pool_window,
        threshold=threshold,
        stride=checkpoint.network.stride,
        precision=precision,
        opset=OPSET,
        calibration=UNCALIBRATED,
        golden=golden_check(ServedNetwork(checkpoint).eval(), precision, checkpoint.network.stride),
    )


def count_parameters(network: nn.Module) -> int:
    """Number of trainable parameters. A kernel that several passes share counts once."""
    return sum(parameter.numel() for parameter in network.parameters() if isinstance(parameter, torch.Tensor))


def attach_card(graph: onnx.ModelProto, card: Card) -> None:
    """Write the card into the model's metadata and replace a card that is already there."""
    others = [entry for entry in graph.metadata_props if entry.key != METADATA_KEY]
    del graph.metadata_props[:]
    graph.metadata_props.extend(others)
    graph.metadata_props.add(key=METADATA_KEY, value=card.model_dump_json())


def write_model(path: Path, graph: onnx.ModelProto, card: Card) -> None:
    """Write graph and card to one file in one atomic step."""
    attach_card(graph, card)
    write_atomically(path, graph.SerializeToString())


def read_model(path: Path) -> tuple[onnx.ModelProto, Card]:
    """Read graph and card of a file that ``write_model`` has written."""
    graph = onnx.load(path, load_external_data=False)
    texts = [entry.value for entry in graph.metadata_props if entry.key == METADATA_KEY]
    return graph, Card.model_validate_json(texts[0])


def record_cuda_check(path: Path, check: CudaGate) -> None:
    """Write to the card which CUDA check the file has passed. The graph stays the same."""
    graph, card = read_model(path)
    write_model(path, graph, card.model_copy(update={"cuda_gate": check}))


def record_calibration(path: Path, calibration: Calibration, points: OperatingPoints) -> None:
    """Write another calibration curve and its operating points to the card. The graph stays the same."""
    graph, card = read_model(path)
    write_model(path, graph, card.model_copy(update={"calibration": calibration, "operating_points": points}))


def record_precision_gate(path: Path, gate: PrecisionGate) -> None:
    """Write to the card what bfloat16 changes. The graph stays the same."""
    graph, card = read_model(path)
    write_model(path, graph, card.model_copy(update={"bf16": gate}))


def record_threshold(path: Path, threshold: float, rule: str | None) -> None:
    """Write another decision threshold to the card. What was measured at another threshold is removed from it."""
    graph, card = read_model(path)
    update: dict[str, object] = {"threshold": threshold, "threshold_rule": rule}
    if threshold != card.threshold:
        update |= {"measurements": (), "bf16": None}
    write_model(path, graph, card.model_copy(update=update))


def record_measurement(path: Path, report: Report) -> None:
    """Add a measurement to the card. It replaces an older one of the same dataset, split, grid and range."""
    graph, card = read_model(path)
    scores = report.scores
    new = Measurement(
        dataset=report.dataset,
        split=report.split,
        grid=report.grid.value,
        range=report.range,
        frames=scores.frames,
        iou=scores.iou,
        niou=scores.niou,
        pd=scores.pd,
        fa_identity=scores.fa_identity,
        fa_legacy=scores.fa_legacy,
    )
    others = tuple(one for one in card.measurements if _protocol(one) != _protocol(new))
    write_model(path, graph, card.model_copy(update={"measurements": (*others, new)}))


def _protocol(measured: Measurement) -> tuple[str, str, str, str]:
    return measured.dataset, measured.split, measured.grid, measured.range
