"""Model files that cannot be served, as ``rrcanet`` answers to them: each is named, with what is wrong with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from onnx import helper

from service.cli import main
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import failing
from tests.support.small_models import build_graph, small_card, write_graph

CARD: Final = small_card().model_dump(mode="json")


def _foreign(path: Path, operator: str, domain: str = "") -> None:
    """A node that this build of ONNX Runtime does not know, between two that it does."""
    model = build_graph()
    model.graph.node[1].op_type, model.graph.node[1].domain = operator, domain
    if domain:
        model.opset_import.append(helper.make_opsetid(domain, 1))
    write_graph(path, model, json.dumps(CARD))


def _no_onnx(path: Path) -> None:
    path.write_bytes(b"not a model")


def _no_card(path: Path) -> None:
    write_graph(path, build_graph(), None)


def _newer_card(path: Path) -> None:
    write_graph(path, build_graph(), json.dumps(CARD | {"format": 2}))


def _unreadable(path: Path) -> None:
    path.symlink_to("/proc/self/mem")  # a regular file, and one that root cannot read either


FILES: Final[dict[str, tuple[Callable[[Path], None], str]]] = {
    "no-onnx": (_no_onnx, "ONNX Runtime cannot load "),
    "unreadable": (_unreadable, "cannot be read: Input/output error"),
    "no-card": (_no_card, "has no model card ('rrcanet.card' in its metadata); make the file with rrcanet export"),
    "newer-card": (_newer_card, "has format 2, but this server reads format 1; update rrcanet-serve"),
    "absent-operator": (lambda path: _foreign(path, "Unfold"), "No Op registered for Unfold"),
    "absent-domain": (lambda path: _foreign(path, "Warp", "com.example"), "com.example:Warp"),
}


def test_every_file_of_a_folder_is_named_when_the_start_fails(tmp_path: Path) -> None:
    for name, (write, _) in FILES.items():
        write(tmp_path / f"{name}.onnx")
    result = failing(MODELS=str(tmp_path))
    assert result.returncode == 1
    for name, (_, words) in FILES.items():
        assert any(f"{name}.onnx" in line and words in line for line in result.stderr.splitlines()), result.stderr


@pytest.mark.parametrize("name", FILES)
def test_detect_refuses_the_file_with_the_same_words(tmp_path: Path, name: str) -> None:
    write, words = FILES[name]
    write(tmp_path / "m.onnx")
    (tmp_path / "frame.png").write_bytes(frames.png(make_scene(1).counts(8)))
    result = CliRunner().invoke(main, ["detect", str(tmp_path / "frame.png"), "--model", str(tmp_path / "m.onnx")])
    assert result.exit_code == 1
    assert words in result.output
    assert "m.onnx" in result.output
    assert "Traceback" not in result.output
