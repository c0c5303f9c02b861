"""``rrcanet average``: the mean of checkpoints, its statistics and its record."""

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import nn

from model.commands.average import average_command
from model.network.checkpoint import TrainingRecord, build_network, load_checkpoint, save_checkpoint
from model.recipe import Network
from tests.model.conftest import Write
from tests.model.sampling.test_sampler import _sample

NETWORK = Network(widths=(8, 16), units=(1, 1), passes=1)
RECIPE = """
name = "small"
description = "a test"
datasets = ["{dataset}"]
{more}
[network]
widths = [8, 16]
units = [1, 1]
passes = 1
[optimisation]
steps = 4
batch = 2
crop = 32
"""


@pytest.fixture
def data(tmp_path: Path, write_sample: Write) -> Path:
    for y, x in ((20, 100), (70, 30)):
        sample = _sample(y, x)
        write_sample(sample.name, sample.counts, sample.mask)
    return tmp_path


def write(path: Path, seed: int = 0, shift: float = 0.0, **record: object) -> Path:
    """Weights of a common beginning for one ``seed``, moved by ``shift``; ``record`` changes the record."""
    torch.manual_seed(seed)
    content = TrainingRecord.model_validate(
        {"recipe": path.stem, "steps": 10, "split": "train", "network": NETWORK} | record
    )
    network = build_network(content.network)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(shift)
    save_checkpoint(path, network.state_dict(), content)
    return path


def average(data: Path, *checkpoints: str, more: str = "", options: tuple[str, ...] = ()) -> Result:
    (data / "recipe.toml").write_text(RECIPE.replace("{dataset}", data.name).replace("{more}", more))
    command = [str(data / "mean.safetensors"), *checkpoints, "--recipe", str(data / "recipe.toml")]
    command += ["--data", str(data.parent), "--batches", "5", "--threads", "1", *options]
    return CliRunner().invoke(average_command, command)


def test_weights_are_the_weighted_mean_and_the_record_names_its_parts(data: Path) -> None:
    first, second = write(data / "a.safetensors"), write(data / "b.safetensors", shift=0.01, steps=30, commit="c1")
    result = average(data, f"{first}:0.25", f"{second}:0.75")
    assert result.exit_code == 0, result.output
    mean, one = load_checkpoint(data / "mean.safetensors"), load_checkpoint(first)
    for made, parameter in zip(mean.network.parameters(), one.network.parameters(), strict=True):
        torch.testing.assert_close(made, parameter + 0.0075)
    assert (mean.record.recipe, mean.record.steps, mean.record.datasets) == ("small", 30, (data.name,))
    assert f"0.25 {first} (a, 10 steps) + 0.75 {second} (b, 30 steps)" in mean.record.description
    assert "batch norm statistics of 5 batches of plain crops" in mean.record.description
    assert "c1" in mean.record.commit
    assert mean.record.description in result.output


def test_the_recipe_says_over_which_windows_the_mean_pools(data: Path) -> None:
    windows = NETWORK.model_copy(update={"pool_window": 16})
    first, second = write(data / "a.safetensors"), write(data / "b.safetensors", network=windows)
    assert average(data, f"{first}:0.5", f"{second}:0.5").exit_code == 0
    assert load_checkpoint(data / "mean.safetensors").record.network == NETWORK


def test_statistics_are_those_of_plain_crops_of_the_frames(data: Path) -> None:
    only = write(data / "a.safetensors")
    assert average(data, f"{only}:1").exit_code == 0
    mean = load_checkpoint(data / "mean.safetensors").network
    inputs: list[torch.Tensor] = []
    first = next(module for module in mean.modules() if isinstance(module, nn.BatchNorm2d))
    first.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    frame = torch.from_numpy(_sample(20, 100).counts.astype("float32"))[None, None, :88, :120]
    frame = (frame - frame.min()) / (frame.max() - frame.min()) * 255
    with torch.inference_mode():
        mean((frame - 90) / 60)
    found, stored = inputs[0].mean((0, 2, 3)), first.running_mean
    assert stored is not None
    assert (found - stored).norm() < 0.3 * stored.norm()
    again = (data / "mean.safetensors").read_bytes()
    assert average(data, f"{only}:1").exit_code == 0
    assert (data / "mean.safetensors").read_bytes() == again, "the same seed draws the same crops"


def test_held_out_frames_give_no_statistics(data: Path) -> None:
    only = write(data / "a.safetensors")
    names = (data / "train.txt").read_text().split()
    results = []
    for more in ("", f'held_out = ["{names[0]}"]'):
        assert average(data, f"{only}:1", more=more).exit_code == 0
        results.append((data / "mean.safetensors").read_bytes())
    assert results[0] != results[1]
    held = ", ".join(f'"{name}"' for name in names)
    assert "every frame of the recipe is excluded" in average(data, f"{only}:1", more=f"held_out = [{held}]").output


@pytest.mark.parametrize(
    ("seed", "record", "named"),
    [
        (
            0,
            {"network": Network(widths=(8, 16), units=(1, 1), passes=2)},
            "is another network than that of recipe small",
        ),
        (0, {"mean": 80.0}, "has another normalisation than recipe small"),
        (1, {}, "have no common beginning: their kernels correlate by only"),
    ],
)
def test_what_cannot_be_averaged_is_named_and_nothing_written(
    data: Path, seed: int, record: dict[str, Any], named: str
) -> None:
    first, second = write(data / "a.safetensors"), write(data / "b.safetensors", seed, **record)
    result = average(data, f"{first}:0.5", f"{second}:0.5")
    assert result.exit_code == 1
    assert "b.safetensors" in result.output
    assert named in result.output
    assert not (data / "mean.safetensors").exists()


def test_shares_must_add_up_to_one(data: Path) -> None:
    first = write(data / "a.safetensors")
    result = average(data, f"{first}:0.5", f"{first}:0.6")
    assert (result.exit_code, "the shares add up to 1.1: they must add up to 1" in result.output) == (1, True)


@pytest.mark.parametrize("text", ["a.safetensors", "a.safetensors:x", ":0.5", "a:0", "a:-1", "a:nan", "a:2"])
def test_what_is_no_checkpoint_with_a_share_is_named(data: Path, text: str) -> None:
    result = average(data, text)
    assert (result.exit_code, "is no CHECKPOINT:SHARE" in result.output) == (2, True)


def test_a_missing_checkpoint_is_named(data: Path) -> None:
    result = average(data, "nowhere:1")
    assert (result.exit_code, "nowhere" in result.output) == (1, True)
