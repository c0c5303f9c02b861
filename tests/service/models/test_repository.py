"""Which models a folder serves, and which of them a request means."""

from pathlib import Path

import pytest

from service.errors import Reason, ServiceError
from service.models.canary import Canary
from service.models.repository import Repository, load_folder
from service.runtime import Device, ModelFault
from tests.support.small_models import Rule, small_card, write_small_model


def load(folder: Path) -> Repository:
    return load_folder(folder, Device.CPU)


def names(repository: Repository) -> list[str]:
    return [f"{detector.runtime.card.name}@{detector.runtime.card.version}" for detector in repository]


def found(repository: Repository, wanted: str | None) -> str:
    card = repository.find(wanted).runtime.card
    return f"{card.name}@{card.version}"


@pytest.fixture
def three(tmp_path: Path) -> Repository:
    """The file names say the order, the cards say the names."""
    write_small_model(tmp_path / "2.onnx", name="sea", version="1")
    write_small_model(tmp_path / "1.onnx", name="sky", version="1")
    write_small_model(tmp_path / "3.onnx", name="sea", version="2")
    (tmp_path / "notes.txt").write_text("no model")
    return load(tmp_path)


def test_every_model_of_a_folder_is_served_in_order_of_file_names(three: Repository) -> None:
    assert names(three) == ["sky@1", "sea@1", "sea@2"]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [(None, "sky@1"), ("sky", "sky@1"), ("sea", "sea@2"), ("sea@1", "sea@1"), ("sea@2", "sea@2")],
)
def test_a_request_names_a_model_or_takes_the_first(three: Repository, wanted: str | None, meant: str) -> None:
    assert found(three, wanted) == meant


@pytest.mark.parametrize("wanted", ["", "land", "sea@3", "sky@2", "@1", "SEA"])
def test_an_unknown_model_is_answered_with_those_there_are(three: Repository, wanted: str) -> None:
    with pytest.raises(ServiceError) as caught:
        three.find(wanted)
    assert caught.value.reason is Reason.UNKNOWN_MODEL
    assert caught.value.detail == f"there is no model {wanted!r}; the models are: sky@1, sea@1, sea@2"


def test_two_files_of_one_name_and_version_are_refused_by_path(tmp_path: Path) -> None:
    for file in ("a.onnx", "b.onnx"):
        write_small_model(tmp_path / file)
    with pytest.raises(ModelFault) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'a.onnx'} and {tmp_path / 'b.onnx'} are both small@1"


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFault, match=r"has no \.onnx file"):
        load(tmp_path)
    with pytest.raises(ModelFault, match="no model to serve"):
        Repository([])


@pytest.mark.parametrize("canary", [Canary("sea", "3", 0.1), Canary("land", "1", 0.1)])
def test_a_canary_whose_file_is_absent_waits(three: Repository, canary: Canary) -> None:
    repository = Repository(list(three), canary)
    assert repository.waiting_for == f"{canary.name}@{canary.version}"
    assert [repository.share(one) for one in repository] == [1.0, 0.0, 1.0]


def test_a_canary_that_is_the_only_version_answers_all(three: Repository) -> None:
    repository = Repository(list(three), Canary("sky", "1", 0.1))
    assert repository.waiting_for is None
    assert [repository.share(one) for one in repository] == [1.0, 0.0, 1.0]


def test_one_model_that_cannot_be_served_stops_the_folder(tmp_path: Path) -> None:
    write_small_model(tmp_path / "a.onnx")
    (tmp_path / "b.onnx").write_bytes(b"not ONNX")
    with pytest.raises(ModelFault, match=r"b\.onnx"):
        load(tmp_path)


def test_no_model_is_served_whose_golden_answer_differs(tmp_path: Path) -> None:
    write_small_model(tmp_path / "a.onnx", Rule.EVERYTHING, golden=small_card().golden)
    with pytest.raises(ModelFault, match="answers its golden frame differently"):
        load(tmp_path)
