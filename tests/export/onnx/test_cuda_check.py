"""Whether CUDA can run a graph whole: what can be told without CUDA is told, and the card says what was asked."""

from pathlib import Path

import onnx
import pytest
from click.testing import Result
from onnx import helper

from export.onnx.card import read_model
from export.onnx.cuda_check import CudaCheckFault, check_cuda, check_graph
from service.runtime import missing_for_cuda
from tests.support.small_models import build_graph

Exported = tuple[Path, Path, Result]


@pytest.fixture
def graph() -> onnx.ModelProto:
    """One that passes."""
    model = build_graph()
    check_graph(model)
    return model


def refusal(model: onnx.ModelProto) -> str:
    with pytest.raises(CudaCheckFault) as caught:
        check_graph(model)
    return str(caught.value)


def test_the_card_of_an_export_says_which_gate_it_passed(exported: Exported) -> None:
    _, path, result = exported
    expected = "session" if missing_for_cuda() is None else "graph"
    assert read_model(path)[1].cuda_gate == check_cuda(path) == expected
    assert "CUDA: " in result.output


def test_an_opset_with_nodes_that_fall_back_is_refused(graph: onnx.ModelProto) -> None:
    graph.opset_import[0].version = 19
    assert "opset 19, newer than 18" in refusal(graph)


def test_operators_of_another_domain_are_refused(graph: onnx.ModelProto) -> None:
    graph.opset_import.append(helper.make_opsetid("com.example", 1))
    assert "operators of com.example" in refusal(graph)


def test_control_flow_is_refused_beside_everything_else(graph: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [])
    graph.graph.node.append(helper.make_node("If", ["wanted"], ["chosen"], then_branch=branch, else_branch=branch))
    graph.opset_import[0].version = 21
    assert "opset 21, newer than 18; control flow: If" in refusal(graph)
