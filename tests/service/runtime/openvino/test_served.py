"""Servers on OpenVINO answer as on ONNX Runtime, name their engine, and live without a cache."""

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.pretrained import SHIPPED
from service.runtime import CPU, Device, Engine, EngineChoice, Precision
from service.runtime.cpus import has_bf16
from service.runtime.openvino.compiler import Compiler, open_store
from service.runtime.openvino.opening import CARD
from service.runtime.openvino.shapes import settle
from service.runtime.openvino.store import Store
from service.runtime.runtime import load_runtime
from service.settings import SettingsFault, load_settings
from service.simulation.scene import make_scene
from tests.service.runtime.openvino.support import F32, open_runtime
from tests.support.server import failing, serving
from tests.support.small_models import Rule, write_small_model

AUTO = EngineChoice(Engine.AUTO, Precision.AUTO)
NO_PACKAGE = "import sys; sys.modules['openvino'] = None; from service.cli import main; main()"


@pytest.fixture(scope="module")
def openvino() -> Iterator[httpx.Client]:
    """A server whose engine is OpenVINO, in float32."""
    with serving(engine="openvino", precision="f32", models=SHIPPED) as client:
        yield client


def targets(client: httpx.Client, height: int, width: int) -> list[Any]:
    counts = make_scene(7, height, width).counts(14)
    query = f"width={width}&height={height}&dtype=u16le&mask=none"
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post(f"/v1/detect?{query}", content=counts.astype("<u2").tobytes(), headers=headers)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["frames"][0]["targets"]
    return found


@pytest.mark.parametrize(("height", "width"), [(96, 160), (61, 203)])
def test_a_server_on_openvino_answers_the_same_targets(
    client: httpx.Client, openvino: httpx.Client, height: int, width: int
) -> None:
    ours, expected = targets(openvino, height, width), targets(client, height, width)
    assert [one["bbox"] for one in ours] == [one["bbox"] for one in expected] != []
    for one, other in zip(ours, expected, strict=True):
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-3)


def test_the_models_and_the_metrics_name_engine_and_precision(client: httpx.Client, openvino: httpx.Client) -> None:
    (card,) = openvino.get("/v1/models").json()["models"]
    assert (card["engine"], card["engine_precision"], card["provider"]) == ("openvino", "f32", "OpenVINO")
    assert 'provider="OpenVINO",sha256=' in openvino.get("/metrics").text
    assert 'engine="openvino",name="rrcanet",precision="f32"' in openvino.get("/metrics").text
    (card,) = client.get("/v1/models").json()["models"]
    assert (card["engine"], card["engine_precision"], card["provider"]) == ("onnxruntime", "f32", CPU)


def test_auto_takes_the_package_and_bfloat16_where_the_card_and_the_cpu_allow_it(
    model_file: Path, brightness_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    runtime = load_runtime(model_file, Device.CPU, 1, AUTO)
    assert runtime.card.bf16 is not None
    assert runtime.card.bf16.passed
    expected = "bf16" if has_bf16() else "f32"
    assert runtime.labels[2:] == ("openvino", expected)
    assert f"runs on OpenVINO, engine openvino, precision {expected}" in caplog.text
    assert load_runtime(brightness_model, Device.CPU, 1, AUTO).labels[2:] == ("openvino", "f32"), "it has no gate"
    monkeypatch.setattr("service.runtime.openvino.opening.has_bf16", lambda: False)
    assert load_runtime(model_file, Device.CPU, 1, AUTO).labels[2:] == ("openvino", "f32")


HUNGRY = """
import logging, sys
from pathlib import Path
from service.runtime import Device, Engine, EngineChoice, Precision
from service.runtime.runtime import load_runtime
logging.basicConfig()
choice = EngineChoice(Engine.AUTO, Precision.AUTO)
print(load_runtime(Path(sys.argv[1]), Device.CPU, 1, choice).engine)
"""


def test_auto_takes_onnx_runtime_for_a_model_that_answers_its_golden_frame_otherwise(tmp_path: Path) -> None:
    """In a process of its own: after OpenVINO's fault there, networks of later tests crash now and then."""
    model = write_small_model(tmp_path / "m.onnx", Rule.HUNGRY)  # OpenVINO computes its shapes in another way
    done = subprocess.run([sys.executable, "-c", HUNGRY, str(model)], capture_output=True, text=True, check=True)
    assert done.stdout == "onnxruntime\n"
    assert "engine onnxruntime runs m.onnx, because: " in done.stderr


def test_auto_takes_onnx_runtime_without_the_package(brightness_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.runtime.choice.installed", lambda: False)
    assert load_runtime(brightness_model, Device.CPU, 1, AUTO).engine is Engine.ONNXRUNTIME


def test_bfloat16_that_was_asked_for_runs_on_the_cpu_beside_a_gpu() -> None:
    asked = EngineChoice(Engine.AUTO, Precision.BF16)
    for device in (Device.CUDA, Device.CPU):  # what `auto` finds
        assert list(asked.candidates(device)) == [EngineChoice(Engine.OPENVINO, Precision.BF16)]


def test_without_the_package_a_server_that_must_have_it_does_not_start() -> None:
    refused = failing(code=NO_PACKAGE, ENGINE="openvino")
    assert refused.returncode == 2
    assert "RRCANET_ENGINE: needs the package openvino, which the extra openvino brings: " in refused.stderr
    assert "install 'rrcanet-serve[openvino]'" in refused.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"engine": "onnxruntime", "precision": "bf16"}, "PRECISION: bf16 needs the engine openvino"),
        ({"engine": "openvino", "device": "cuda"}, "ENGINE: the engine openvino and bf16 are for CPUs"),
        ({"precision": "bf16", "device": "cuda"}, "PRECISION: the engine openvino and bf16 are for CPUs"),
        ({"precision": "bf16"}, "PRECISION: bf16 needs a CPU with AVX512_BF16 or AMX, and this one has neither"),
        ({"engine": "tensorrt"}, "ENGINE: "),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    asked: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RRCANET_ENGINE", raising=False)
    monkeypatch.setattr("service.runtime.choice.has_bf16", lambda: False)
    with pytest.raises(SettingsFault, match=fault):
        load_settings(**asked)


def test_a_start_that_finds_its_network_neither_reads_nor_compiles_the_model(
    brightness_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice, given = EngineChoice(F32.engine, F32.precision, tmp_path / "cache"), np.ones((1, 1, 8, 16), np.float32)
    first = open_runtime(brightness_model, 1, choice).probabilities(given)
    settle()
    monkeypatch.delattr(Compiler, "_model")
    again = open_runtime(brightness_model, 1, choice)
    again.check_golden()
    np.testing.assert_array_equal(again.probabilities(given), first)


def stored(folder: Path, model: Path) -> dict[str, Path]:
    """The card and the network that were kept."""
    card = open_store(folder, model.read_bytes())._file(CARD)
    (network,) = {*folder.glob("*.rrcanet-network")} - {card}
    return {"card": card, "network": network}


@pytest.mark.parametrize("which", ["card", "network"])
@pytest.mark.parametrize("damage", [lambda kept: kept[: len(kept) // 2], lambda _: b"", lambda kept: kept[:-1] + b"?"])
def test_what_is_damaged_is_made_again(
    brightness_model: Path, tmp_path: Path, damage: Callable[[bytes], bytes], which: str
) -> None:
    choice = EngineChoice(F32.engine, F32.precision, tmp_path / "cache")
    first = open_runtime(brightness_model, 1, choice)
    settle()
    kept = stored(tmp_path / "cache", brightness_model)[which]
    intact = kept.read_bytes()
    kept.write_bytes(damage(intact))
    given = np.ones((1, 1, 8, 16), np.float32)
    again = open_runtime(brightness_model, 1, choice)
    again.check_golden()
    np.testing.assert_allclose(again.probabilities(given), first.probabilities(given))
    settle()
    assert abs(len(kept.read_bytes()) - len(intact)) < len(intact) // 10


def test_a_network_that_openvino_refuses_is_compiled_again(
    brightness_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Store, "find", lambda _, key: None if key == CARD else b"of another release")
    open_runtime(brightness_model, 1, EngineChoice(F32.engine, F32.precision, tmp_path)).check_golden()
    assert "a network in ENGINE_CACHE cannot be used, so it is compiled again" in caplog.text


def test_a_cache_that_cannot_be_written_is_left_out(
    brightness_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()  # root may write to every folder
    open_runtime(brightness_model, 1, EngineChoice(F32.engine, F32.precision, tmp_path / "file")).check_golden()
    settle()
    assert "ENGINE_CACHE is not used, so each start compiles" in caplog.text
