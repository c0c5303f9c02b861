"""The commands of the page "Reproduce the paper", on simulated scenes and with runs of two steps."""

import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import model.commands.train as train
from benchmarks.accuracy.best_epoch import main as best_epoch_command
from benchmarks.accuracy.spread import spread_command
from export.commands.evaluate import evaluate_command
from export.commands.export import export_command
from model.recipe import Optimisation, Recipe, load_recipe
from service.pretrained import DEFAULT
from tests.export.conftest import SMALL_COLOUR
from tests.export.tracing import traced_once
from tests.support.markdown import read_document
from tests.support.scenes import write_scenes

__all__ = ["traced_once"]  # a fixture

PAGE = read_document("how-to/reproduce-the-paper.md")
COMMANDS: dict[str, click.Command] = {
    "rrcanet train": train.train_command,
    "rrcanet export": export_command,
    "rrcanet evaluate": evaluate_command,
    "python -m benchmarks.accuracy.best_epoch": best_epoch_command,
    "python -m benchmarks.accuracy.spread": spread_command,
}


def short(name: str) -> Recipe:
    """The recipe with a small network and two small steps of two crops; the weights of the last one are kept twice.

    After two large steps logits are in the thousands, and rounding alone decides between 0 and 1 on some CPUs.
    """
    recipe = load_recipe(name).with_budget(2, 2, 32)
    steps = recipe.optimisation.model_copy(update={"keep_every": 2, "peak_learning_rate": 1e-4})
    return recipe.model_copy(update={"optimisation": steps, "network": SMALL_COLOUR})


def lines() -> list[str]:
    return [
        line
        for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    ]


@pytest.mark.usefixtures("traced_once")
def test_the_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_scenes(tmp_path / "datasets" / "NUAA-SIRST", count=4)
    (tmp_path / "service" / "pretrained").mkdir(parents=True)
    shutil.copy(DEFAULT, tmp_path / "service" / "pretrained")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "load_recipe", short)
    ran = set()
    for line in lines():
        text = line.removeprefix(".venv-dev/bin/")
        name = next(name for name in COMMANDS if text.startswith(f"{name} "))
        result = CliRunner().invoke(COMMANDS[name], shlex.split(text.removeprefix(name)))
        assert result.exit_code == 0, (line, result.output)
        ran.add(name)
    assert ran == set(COMMANDS)
    assert (tmp_path / "runs" / "nuaa-sirst-authors.onnx").is_file()


def test_steps_and_crops_of_the_page_are_those_of_the_recipes() -> None:
    rows = re.findall(r"^\| `(\S+-authors)` \| ([\d,]+) \| (\d+) of (\d+)x\d+ \|", PAGE, re.MULTILINE)
    assert len(rows) == 3
    for name, steps, batch, crop in rows:
        optimisation: Optimisation = load_recipe(name).optimisation
        assert (optimisation.steps, optimisation.batch, optimisation.crop) == (
            int(steps.replace(",", "")),
            int(batch),
            int(crop),
        )
