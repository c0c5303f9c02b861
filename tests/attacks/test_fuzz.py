"""The long fuzzing run, for short."""

import json
from pathlib import Path

import click.testing
import httpx
import pytest

from tests.attacks.bodies import FORMS, mutated
from tests.attacks.fuzz import Fuzzed, fuzz, main

FATES = {200, 400, 413, 415, 422}


@pytest.mark.parametrize("form", ["rows", "multipart", "v2-json", "v2-binary"])
def test_mutated_bodies_never_fail_the_service(client: httpx.Client, form: str) -> None:
    path, headers = FORMS[form].path.format(model="rrcanet", mask="none"), FORMS[form].headers
    assert client.post(path, content=FORMS[form].body, headers=headers).status_code == 200
    answers = [client.post(path, content=mutated(form, seed), headers=headers) for seed in range(100)]
    assert {answer.status_code for answer in answers} <= FATES
    assert client.get("/readyz").status_code == 200


def test_every_body_is_accounted_for() -> None:
    found = fuzz("bmp", first=1000, count=40)
    assert (found.bodies, sum(found.statuses.values()), found.lost, found.faults) == (40, 40, 0, [])
    assert {"200", "422"} <= set(found.statuses)
    assert min(found.memory_mb) > 0
    assert not found.failed


@pytest.mark.parametrize(
    ("memory_mb", "grown"),
    [([100, 150, 120, 200, 130, 110, 160, 150, 140, 165], False), ([100 + 4 * part for part in range(10)], True)],
    ids=["comes and goes", "a leak"],
)
def test_memory_that_stays_is_told_from_memory_that_comes_and_goes(memory_mb: list[float], grown: bool) -> None:
    assert Fuzzed("png", bodies=100_000, memory_mb=memory_mb).failed is grown
    assert not Fuzzed("png", bodies=100, memory_mb=memory_mb).failed


def test_a_run_goes_on_where_it_was_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "fuzz.json"
    once = ["--count", "20", "--json", str(kept), "--form", "bmp"]
    first = click.testing.CliRunner().invoke(main, once)
    assert first.exit_code == 0, first.output
    monkeypatch.setattr("tests.attacks.fuzz.fuzz", None)  # whatever is done would be done again by it
    again = click.testing.CliRunner().invoke(main, once)
    assert again.exit_code == 0
    assert [line for line in again.output.splitlines() if line.startswith("| bmp")]
    assert json.loads(kept.read_text())["formats"]["bmp"]["bodies"] == 20
    other = click.testing.CliRunner().invoke(main, ["--count", "21", "--json", str(kept)])
    assert other.exit_code == 2
    assert "keep this run elsewhere" in other.output
