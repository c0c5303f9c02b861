"""``rrcanet bench --model`` times the engine that serves, and names it."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from distributed.command import bulk_command
from export.commands.bench import bench_command
from export.commands.evaluate import evaluate_command
from service.commands.detect.command import detect_command
from service.runtime.openvino.compiled import Compiled, Frame
from tests.support.small_models import write_small_model

NO_SERVICE = "http://127.0.0.1:9"
SAME_WORDS = (detect_command, bulk_command, bench_command)


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Arguments of a short run, without a setting."""
    monkeypatch.delenv("RRCANET_ENGINE", raising=False)
    model = write_small_model(tmp_path / "small.onnx")
    return ["--model", str(model), "--size", "16x16", "--seconds", "0.01", "--turns", "1", "--device", "cpu"]


def test_the_engine_is_that_of_a_server_unless_an_option_says_otherwise(quick: list[str]) -> None:
    timed = CliRunner().invoke(bench_command, quick)
    assert "(small.onnx, fp32, OpenVINO, engine openvino, precision f32)" in timed.output
    timed = CliRunner().invoke(bench_command, [*quick, "--engine", "onnxruntime"])
    assert "(small.onnx, fp32, CPUExecutionProvider, engine onnxruntime, precision f32)" in timed.output


def test_a_wrong_setting_is_named(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RRCANET_ENGINE", "tensorrt")
    refused = CliRunner().invoke(bench_command, quick)
    assert refused.exit_code == 2
    assert "RRCANET_ENGINE: " in refused.output


def test_a_service_is_timed_whatever_the_engine_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RRCANET_ENGINE", "tensorrt")
    asked = CliRunner().invoke(bench_command, [NO_SERVICE])
    assert asked.exit_code == 1
    assert f"{NO_SERVICE} does not answer" in asked.output


@pytest.mark.parametrize("option", [("--engine", "onnxruntime"), ("--precision", "f32")])
@pytest.mark.parametrize("more", [(), ("--plan", "--rate", "1", "--deadline", "1000")], ids=["times", "plans"])
def test_a_service_is_not_timed_with_an_engine(more: tuple[str, ...], option: tuple[str, str]) -> None:
    refused = CliRunner().invoke(bench_command, [NO_SERVICE, *more, *option])
    assert refused.exit_code == 2
    assert f"{option[0]} needs a model file" in refused.output


@pytest.mark.parametrize("option", [("--engine", "onnxruntime"), ("--precision", "f32")])
@pytest.mark.parametrize("scored", [(NO_SERVICE,), ("--predictions", ".")], ids=["a service", "masks"])
def test_only_a_model_file_is_scored_with_an_engine(
    scored: tuple[str, ...], option: tuple[str, str], tmp_path: Path
) -> None:
    refused = CliRunner().invoke(evaluate_command, [*scored, "--data", str(tmp_path), *option])
    assert refused.exit_code == 2
    assert f"{option[0]} needs a model file" in refused.output


def test_a_size_is_timed_once_its_network_is_compiled(quick: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    answered: list[Compiled] = []
    run = Compiled.run

    def noted(network: Compiled, frame: Frame) -> Frame:
        answered.append(network)
        return run(network, frame)

    monkeypatch.setattr(Compiled, "run", noted)
    timed = CliRunner().invoke(bench_command, [*quick, "--engine", "openvino"])
    assert timed.exit_code == 0, timed.output
    assert answered[-1] is not answered[0], "the network for any size still answers, as it did for the golden frame"


@pytest.mark.parametrize("name", ["engine", "precision"])
def test_all_commands_have_the_same_words(name: str) -> None:
    words = [option.help for command in SAME_WORDS for option in options_of(command, name)]
    assert words == [words[0]] * len(SAME_WORDS)
    assert f"Default: RRCANET_{name.upper()}, or auto." in str(words[0])
    (reference,) = options_of(evaluate_command, name)
    assert reference.opts == [f"--{name}"]


def options_of(command: click.Command, name: str) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and one.name == name]
