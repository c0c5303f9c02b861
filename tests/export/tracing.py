"""Exports in tests trace each network once: tracing takes ten seconds, and tests export the same weights often."""

import os
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from export.onnx import graph
from model.network.checkpoint import Checkpoint


@pytest.fixture(scope="session")
def traced_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep each traced network in a file, for all workers of this run."""
    kept = _shared(tmp_path_factory) / "traced"
    kept.mkdir(exist_ok=True)
    trace = graph._trace

    def traced(checkpoint: Checkpoint) -> onnx.ModelProto:
        file = kept / f"{_digest(checkpoint)}.onnx"
        if not file.exists():
            own = file.with_suffix(f".{os.getpid()}")
            own.write_bytes(_untraced(trace, checkpoint).SerializeToString())
            own.rename(file)  # complete or absent, should another worker look
        return onnx.load(file)

    graph._trace = traced
    yield
    graph._trace = trace


def _shared(factory: pytest.TempPathFactory) -> Path:
    """The folder of this run; each worker of pytest-xdist has its own below it."""
    folder = factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


def _untraced(trace: Any, checkpoint: Checkpoint) -> onnx.ModelProto:
    """Measure no coverage inside ``torch.onnx.export``: its tens of millions of calls would take twice as long."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        model: onnx.ModelProto = trace(checkpoint)
    finally:
        sys.settrace(tracer)
    return model


def _digest(checkpoint: Checkpoint) -> str:
    """Of all weights, and of what else is in the graph."""
    record = checkpoint.record
    weights: list[tuple[str, torch.Tensor]] = sorted(checkpoint.network.state_dict().items())
    content = b"".join(name.encode() + value.numpy().tobytes() for name, value in weights)
    return sha256(content + f"{record.network} {record.mean} {record.std}".encode()).hexdigest()
