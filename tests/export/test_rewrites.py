"""Exact rewrites of the exported graph."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from click.testing import Result
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from export.rewrites import fold_batch_norms, project_before_upsampling

Exported = tuple[Path, Path, Result]


def answer(model: onnx.ModelProto, frames: NDArray[np.float32]) -> NDArray[np.float32]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    result: NDArray[np.float32] = session.run(None, {session.get_inputs()[0].name: frames})[0]
    return result


def upsampled_then_projected(readers: int) -> onnx.ModelProto:
    """1 channel, twice the size, 3 channels by a 1x1 convolution with bias; the upsampled map read so often."""
    rng = np.random.default_rng(0)
    constants = {"k": rng.normal(size=(3, 1, 1, 1)), "b": rng.normal(size=3), "scales": np.array([1, 1, 2, 2])}
    resize = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    nodes = [
        helper.make_node("Resize", ["x", "", "scales"], ["u"], **resize),
        helper.make_node("Conv", ["u", "k", "b"], ["c"], kernel_shape=[1, 1]),
        helper.make_node("Add", ["c", "u" if readers > 1 else "b0"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3, "h", "w"])],
        [numpy_helper.from_array(np.asarray(v, np.float32), k) for k, v in (constants | {"b0": np.zeros(1)}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def test_a_projection_before_upsampling_gives_the_same() -> None:
    model = upsampled_then_projected(readers=1)
    frames = np.random.default_rng(1).normal(size=(2, 1, 6, 5)).astype(np.float32)
    before = answer(model, frames)
    project_before_upsampling(model.graph)
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Conv", "Resize", "Add"]
    np.testing.assert_allclose(answer(model, frames), before, atol=1e-6)


def test_an_upsampled_map_that_others_read_too_stays() -> None:
    model = upsampled_then_projected(readers=2)
    project_before_upsampling(model.graph)
    assert [node.op_type for node in model.graph.node] == ["Resize", "Conv", "Add"]


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
