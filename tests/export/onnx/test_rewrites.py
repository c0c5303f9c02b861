"""Exact rewrites of the exported graph."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from click.testing import Result
from numpy.typing import NDArray

from export.onnx.rewrites import fold_batch_norms

Exported = tuple[Path, Path, Result]


def answer(model: onnx.ModelProto, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: frames})[0]
    return result


def test_every_exported_projection_runs_before_its_upsampling(exported: Exported) -> None:
    graph = onnx.load(exported[1]).graph
    producers = {name: node.op_type for node in graph.node for name in node.output}
    feeding = [producers[node.input[0]] for node in graph.node if node.op_type == "Resize"]
    assert feeding == ["Conv"] * 2


def test_folded_batch_norms_give_the_same(exported: Exported) -> None:
    model = onnx.load(exported[1])
    frames = np.random.default_rng(2).uniform(0, 255, (2, 1, 16, 24)).astype(np.float32)
    before = answer(model, frames)
    assert Counter(node.op_type for node in model.graph.node)["BatchNormalization"] > 0
    fold_batch_norms(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert Counter(node.op_type for node in model.graph.node)["BatchNormalization"] == 0
    np.testing.assert_allclose(answer(model, frames), before, atol=1e-5)
