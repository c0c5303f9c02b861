"""The metadata of ONNX files, as read without OpenVINO."""

from pathlib import Path

import pytest

from service.pretrained import DEFAULT
from service.runtime import REFERENCE, Device, Runtime
from service.runtime.card import METADATA_KEY, Card
from service.runtime.openvino.metadata import read_metadata
from tests.support.small_models import build_graph, write_graph


def test_the_card_is_the_one_that_onnx_runtime_finds() -> None:
    card = Card.model_validate_json(read_metadata(DEFAULT.read_bytes())[METADATA_KEY])
    assert card == Runtime(DEFAULT, Device.CPU, 1, REFERENCE).card


def test_every_character_and_length_is_read(tmp_path: Path) -> None:
    text = "é\0\n" + "x" * 70_000
    assert read_metadata(write_graph(tmp_path / "m.onnx", build_graph(), text).read_bytes()) == {METADATA_KEY: text}


def test_a_file_without_metadata_has_none(tmp_path: Path) -> None:
    assert read_metadata(write_graph(tmp_path / "m.onnx", build_graph(), None).read_bytes()) == {}


def test_what_is_no_onnx_file_is_refused() -> None:
    whole = DEFAULT.read_bytes()
    for content in (b"not ONNX", b"\xff" * 400_000, b"\x0a", b"\x0d\0", whole[:1000], whole[:-1]):
        with pytest.raises(ValueError, match=r"field|number"):
            read_metadata(content)
