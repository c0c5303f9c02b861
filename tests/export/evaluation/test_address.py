"""Addresses of services, and what they ask for: of ``rrcanet evaluate`` and ``rrcanet bench`` alike."""

import shutil
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from export.commands.bench import bench_command
from export.commands.evaluate import evaluate_command
from service.pretrained import SHIPPED
from tests.support.server import StartServer

Ask = Callable[..., Result]
SPECIALIST = "nuaa-sirst"


def row(result: Result) -> list[str]:
    """The last of the table."""
    assert result.exit_code == 0, result.output
    return [line for line in result.output.splitlines() if line.startswith("|")][-1].strip("| ").split(" | ")


@pytest.fixture(params=["evaluate", "bench"])
def ask(request: pytest.FixtureRequest, scenes: Path) -> Ask:
    """Runs a command that takes an address."""
    command, options = {
        "evaluate": (evaluate_command, ["--data", str(scenes)]),
        "bench": (bench_command, ["--size", "16x16", "--seconds", "0.1"]),
    }[request.param]
    return lambda url, *more: CliRunner().invoke(command, [str(url), *options, *more])


@pytest.fixture
def two_models(start_server: StartServer, model_file: Path, tmp_path: Path) -> httpx.Client:
    """A service whose default is the generalist."""
    shutil.copy(model_file, tmp_path / "a.onnx")
    shutil.copy(SHIPPED / "specialists" / f"{SPECIALIST}.onnx", tmp_path / "b.onnx")
    return start_server(models=tmp_path)


def test_the_query_of_an_address_names_the_model_that_is_scored(
    two_models: httpx.Client, model_file: Path, scenes: Path
) -> None:
    def scores(model: object) -> list[str]:
        return row(CliRunner().invoke(evaluate_command, [str(model), "--data", str(scenes)]))

    specialist = scores(SHIPPED / "specialists" / f"{SPECIALIST}.onnx")
    assert scores(f"{two_models.base_url}?model={SPECIALIST}") == specialist
    assert scores(two_models.base_url) == scores(model_file) != specialist


def test_every_request_asks_for_what_the_address_asks_for(ask: Ask, client: httpx.Client) -> None:
    url = f"{client.base_url}/?model=nobody"
    result = ask(url)
    assert (result.exit_code, "no model 'nobody'" in result.output) == (1, True), result.output
    assert ask(f"{client.base_url}/?threshold=0.4&model=rrcanet").exit_code == 0


def test_targets_that_the_address_leaves_out_are_in_no_mask(scenes: Path, client: httpx.Client, tmp_path: Path) -> None:
    """With a report the mask was once made of the most probable pixels, whoever's they were."""
    command = [f"{client.base_url}/?min_area=8", "--data", str(scenes)]
    plain = CliRunner().invoke(evaluate_command, command)
    reported = CliRunner().invoke(evaluate_command, [*command, "--report", str(tmp_path), "--worst", "0"])
    assert row(plain) == row(reported)


@pytest.mark.parametrize("query", ["mask=none", "max_targets=3", "a=1&m%61sk=rle", "width=8&height=8&dtype=u8", "mask"])
def test_what_an_evaluation_asks_for_itself_is_refused(scenes: Path, query: str) -> None:
    result = CliRunner().invoke(evaluate_command, [f"http://127.0.0.1:9/?{query}", "--data", str(scenes)])
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert "an evaluation sets " in result.output
    assert " itself, so leave it out of the URL" in result.output


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://[::1", "http://[::1 is no address of a service"),
        ("http://", "it names no host"),
        ("https://:8000", "it names no host"),
        ("http://localhost:abc", "http://localhost:abc is no address of a service"),
        ("http://localhost:70000", "http://localhost:70000 is no address of a service"),
        ("http://a b/", "http://a b/ is no address of a service"),
        ("http://a..b/", "http://a..b/ is no address of a service"),
        ("http://127.0.0.1:9/#targets", "it has a fragment, #targets, which is never sent"),
        ("http://127.0.0.1:9/?model=a#b", "it has a fragment, #b"),
        ("http://127.0.0.1:9/\udcff", "is no address of a service"),
        ("HTTP://127.0.0.1:9", "HTTP://127.0.0.1:9 does not answer"),
        ("hTTps://127.0.0.1:9", "hTTps://127.0.0.1:9 does not answer"),
    ],
)
def test_what_is_no_address_is_named(ask: Ask, url: str, words: str) -> None:
    result = ask(url)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert words in result.output


def test_a_password_within_an_address_is_refused_and_not_repeated(ask: Ask) -> None:
    result = ask("http://me:secret@127.0.0.1:9")
    assert result.exit_code == 1
    assert "pass an API key with --key" in result.output
    assert "secret" not in result.output


def test_paths_and_queries_beyond_ascii_are_sent_in_utf_8(ask: Ask, client: httpx.Client) -> None:
    assert "there is no route /wärme/v1/detect" in ask(f"{client.base_url}/wärme").output
    assert "there is no route /a b/v1/detect" in ask(f"{client.base_url}/a b").output
    assert "no model 'wärme'" in ask(f"{client.base_url}?model=wärme").output
    assert "no model 'wärme'" in ask(f"{client.base_url}?model=w%C3%A4rme").output


@pytest.mark.parametrize(("key", "odd"), [("abc\r", r"'\r'"), ("a\nb", r"'\n'"), ("schlüssel€", r"'\u20ac'")])
def test_a_key_that_no_header_can_carry_is_named_by_what_is_odd_in_it(ask: Ask, key: str, odd: str) -> None:
    result = ask("http://127.0.0.1:9", "--key", key)
    assert (result.exit_code, type(result.exception)) == (1, SystemExit)
    assert f"no header can carry the key: it holds {odd}" in result.output
    assert key.strip() not in result.output
