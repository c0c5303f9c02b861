"""A small network learns from the maps of a wider one."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from model.commands.train import train_command
from model.network.checkpoint import TrainingRecord, build_network, load_checkpoint, save_checkpoint
from model.recipe import Network
from model.training.trainer import WEIGHTS_FILE
from tests.model.conftest import Write
from tests.model.sampling.test_sampler import _sample
from tests.model.training.small_recipe import SMALL_RECIPE

RECIPE = SMALL_RECIPE + "average_decay = 0.0\nteacher_share = 1.0\n"
WIDE = Network(widths=(16, 16), units=(1, 1), passes=1)


@pytest.fixture
def data(tmp_path: Path, write_sample: Write) -> Path:
    sample = _sample(20, 100)
    write_sample(sample.name, sample.counts, sample.mask)
    return tmp_path


def teacher(folder: Path, shape: Network = WIDE, seed: int = 0, bias: float = 0.0) -> Path:
    """A network that answers every pixel with about the same probability."""
    torch.manual_seed(seed)
    network = build_network(shape)
    with torch.no_grad():
        network.head.weight.mul_(0.01)
        network.get_parameter("head.bias").fill_(bias)
    record = TrainingRecord(network=shape, datasets=("elsewhere",), split="others", mean=80.0, std=50.0)
    save_checkpoint(folder / "wide.safetensors", network.state_dict(), record)
    return folder / "wide.safetensors"


def train(folder: Path, *options: str, steps: int = 60, out: str = "out", top: str = "") -> Result:
    recipe = folder / "small.toml"
    recipe.write_text(RECIPE.format(top=top, dataset=folder.name, steps=steps))
    command = [str(recipe), "--data", str(folder.parent), "--out", str(folder / out), "--device", "cpu"]
    return CliRunner().invoke(train_command, [*command, "--threads", "1", *options])


@pytest.mark.parametrize("bias", [-3.0, 3.0])
def test_the_network_answers_as_its_teacher_does(data: Path, bias: float) -> None:
    result = train(data, top=f'teacher = "{teacher(data, bias=bias)}"')
    assert result.exit_code == 0, result.output
    trained = load_checkpoint(data / "out" / WEIGHTS_FILE)
    frame = (torch.from_numpy(_sample(20, 100).intensities())[None, None, :88] - 90) / 60
    with torch.no_grad():
        answer = trained.network(frame).mean().item()
    assert answer * bias > 0, "masks are left out (teacher_share 1), so every pixel follows the teacher"
    assert trained.record.network.widths == (8, 16)
    assert (trained.record.datasets, trained.record.split) == ((data.name, "elsewhere"), "train, others")


def test_a_run_goes_on_with_its_own_teacher_only(data: Path) -> None:
    top = f'teacher = "{teacher(data)}"'
    assert train(data, steps=2, top=top).exit_code == 0
    assert train(data, "--resume", steps=2, top=top).exit_code == 0
    teacher(data, seed=1)
    result = train(data, "--resume", steps=2, top=top)
    assert result.exit_code == 1
    assert "with another teacher" in result.output


def test_a_teacher_that_cannot_be_used_is_named(data: Path) -> None:
    result = train(data, top='teacher = "nobody"')
    assert result.exit_code == 1
    assert "recipe small has no teacher: no checkpoint" in result.output
    deep = teacher(data, Network(widths=(8,) * 7, units=(1,) * 7, passes=1))
    assert f"teacher {deep} needs crops of a multiple of 64" in train(data, top=f'teacher = "{deep}"').output
