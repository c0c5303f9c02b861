"""Runs that begin with the weights of an earlier one."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from model.commands.train import train_command
from model.network.checkpoint import load_checkpoint
from model.recipe import load_recipe
from model.training.start import initial_network
from model.training.trainer import WEIGHTS_FILE
from tests.model.conftest import Write
from tests.model.sampling.test_sampler import _sample
from tests.model.training.small_recipe import SMALL_RECIPE

RECIPE = SMALL_RECIPE + "peak_learning_rate = 1e-9\n"


@pytest.fixture
def data(tmp_path: Path, write_sample: Write) -> Path:
    sample = _sample(20, 100)
    write_sample(sample.name, sample.counts, sample.mask)
    return tmp_path


@pytest.fixture
def before(data: Path) -> Path:
    """The weights of a run."""
    result = _train(data, "first", steps=2)
    assert result.exit_code == 0, result.output
    return data / "first" / WEIGHTS_FILE


def test_a_run_starts_from_the_weights_it_is_told(data: Path, before: Path) -> None:
    result = _train(data, "second", f'start = "{before}"', steps=1, seed="7")
    assert result.exit_code == 0, result.output
    first, second = load_checkpoint(before), load_checkpoint(data / "second" / WEIGHTS_FILE)
    torch.testing.assert_close(second.network.head.weight, first.network.head.weight)
    assert second.record.datasets == (data.name,)
    assert second.record.steps == 1


def test_a_run_tells_of_the_split_that_its_start_was_trained_on(data: Path, before: Path) -> None:
    (data / "other.list.txt").write_text((data / "train.txt").read_text())
    top = f'start = "{before}"\nsplit = "other.list"'
    assert _train(data, "second", top, steps=1).exit_code == 0
    assert load_checkpoint(data / "second" / WEIGHTS_FILE).record.split == "other.list, train"


@pytest.mark.parametrize(
    ("top", "reason"),
    [
        ('start = "nowhere"', "no checkpoint"),
        ('start = "{before}"\nmean = 80.0', "has another shape or normalisation than the recipe"),
        ('start = "{recipe}"', "neither safetensors nor a PyTorch checkpoint"),
    ],
)
def test_weights_that_cannot_be_started_from_are_named(data: Path, before: Path, top: str, reason: str) -> None:
    top = top.format(before=before, recipe=data / "first.toml")
    result = _train(data, "second", top, steps=1)
    assert result.exit_code == 1
    assert "recipe small" in result.output
    assert reason in result.output


def _train(folder: Path, out: str, top: str = "", *, steps: int, seed: str = "5") -> Result:
    recipe = folder / f"{out}.toml"
    recipe.write_text(RECIPE.format(top=top, dataset=folder.name, steps=steps))
    arguments = [str(recipe), "--data", str(folder.parent), "--out", str(folder / out), "--seed", seed]
    return CliRunner().invoke(train_command, [*arguments, "--device", "cpu", "--threads", "1"])


def test_kernels_may_begin_as_one_of_the_authors_code_bases_has_them() -> None:
    torch.manual_seed(0)
    recipe = load_recipe("nuaa-sirst-authors")
    network = initial_network(recipe)
    for conv in (module for module in network.modules() if isinstance(module, torch.nn.Conv2d)):
        fan = (conv.in_channels + conv.out_channels) * conv.kernel_size[0] * conv.kernel_size[1]
        if conv.weight.numel() > 2000:
            assert conv.weight.std().item() == pytest.approx((2 / fan) ** 0.5, rel=0.1)


def test_a_run_may_add_windows_of_pooling_to_the_weights_it_starts_from(data: Path, before: Path) -> None:
    text = RECIPE.replace("passes = 1", "passes = 1\npool_window = 16")
    recipe = data / "windows.toml"
    recipe.write_text(text.format(top=f'start = "{before}"', dataset=data.name, steps=1))
    network = initial_network(load_recipe(str(recipe)))
    assert network.decoders[0][0].attention.window == 16  # type: ignore[index]
    torch.testing.assert_close(network.state_dict(), load_checkpoint(before).network.state_dict())
