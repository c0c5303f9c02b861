"""Training runs as a user starts them: progress, checkpoints, resuming, and what stops them early."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load, save_file

from model.commands.train import train_command
from model.data.packed import PackedFrames, pack
from model.network.checkpoint import TrainingRecord, load_checkpoint
from model.recipe import Augmentation, Network, Optimisation, Optimiser, Recipe, TrainingPrecision
from model.sampling.draws import RandomNumbers
from model.training.optimisers import make_optimiser
from model.training.state import DATA_KEY
from model.training.step import TrainingStep
from model.training.trainer import READ_EVERY, STATE_FILE, WEIGHTS_FILE, Trainer, TrainingError, learning_rate_at
from tests.model.conftest import Write
from tests.model.sampling.test_sampler import _sample

RECIPE = """
name = "small"
description = "a test"
datasets = ["{dataset}"]
[network]
widths = [8, 16]
units = [1, 1]
passes = 1
[optimisation]
steps = {steps}
batch = 2
crop = 32
"""


@pytest.fixture
def data(tmp_path: Path, write_sample: Write) -> Path:
    for y, x in ((20, 100), (70, 30)):
        sample = _sample(y, x)
        write_sample(sample.name, sample.counts, sample.mask)
    return tmp_path


def test_a_run_leaves_a_checkpoint_that_tells_its_history(data: Path) -> None:
    result = _train(data, steps=4)
    assert result.exit_code == 0, result.output
    assert "training on cpu" in result.output
    assert "step 4/4 loss" in result.output
    assert "done after 4 of 4 steps" in result.output
    record = load_checkpoint(data / "out" / WEIGHTS_FILE).record
    assert (record.recipe, record.steps, record.seed, record.network.passes) == ("small", 4, 5, 1)


HARD = """
precision = "{precision}"
[augmentation]
target_share = 0.0
hard_share = 1.0
noise_share = 1.0
blur_share = 0.5
bits_share = 0.5
square_share = 0.5
"""


MUON = """
optimiser = "muon"
turns = [{ batch = 4, crop = 16 }, { batch = 1, crop = 48 }]
dice_per_crop = true
norm_batches = 3
"""


LATE = """
precision = "bf16"
fp32_share = 0.5
average_ramp = 3.0
top_pixels = 40
[augmentation]
target_share = 0.2
paste_share = 1.0
"""


KILLED_IN_STEP_THREE = """
import os, signal
from model.commands.train import train_command
from model.training.state import TrainingState

save = TrainingState.save
def save_or_die(state, *args):
    if state.step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    save(state, *args)

TrainingState.save = save_or_die
train_command()
"""


@pytest.mark.parametrize(
    "more",
    ["", MUON, LATE, *(HARD.replace("{precision}", one) for one in TrainingPrecision)],
    ids=["", "muon", "late", *TrainingPrecision],
)
def test_a_run_killed_and_resumed_ends_with_the_same_weights(data: Path, more: str) -> None:
    assert _train(data, steps=6, out="whole", more=more).exit_code == 0
    command = [sys.executable, "-c", KILLED_IN_STEP_THREE, str(_recipe(data, 6, more=more))]
    command += ["--data", str(data.parent), "--out", str(data / "cut"), "--seed", "5"]
    command += ["--device", "cpu", "--threads", "1", "--checkpoint-every", "1"]
    run = subprocess.run(command, env=os.environ | {"PYTHONPATH": os.getcwd()})
    assert (run.returncode, _steps(data / "cut")) == (-signal.SIGKILL, 2)
    assert _train(data, "--resume", steps=6, out="cut", more=more).exit_code == 0
    whole, cut = (load_checkpoint(data / name / WEIGHTS_FILE).network.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[key], cut[key]) for key in whole)


def test_weights_that_the_recipe_keeps_on_the_way_are_those_of_their_step(data: Path) -> None:
    more = 'schedule = "constant"\nkeep_every = 2\n'
    assert _train(data, steps=5, out="long", more=more).exit_code == 0
    assert _train(data, steps=2, out="two", more=more).exit_code == 0
    kept = sorted(path.name for path in (data / "long").glob("weights*"))
    assert kept == ["weights-000002.safetensors", "weights-000004.safetensors", "weights.safetensors"]
    early, whole = load_checkpoint(data / "long" / kept[0]), load_checkpoint(data / "two" / WEIGHTS_FILE)
    assert early.record.steps == 2
    first, second = (one.network.state_dict() for one in (early, whole))
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_run_goes_on_whatever_it_keeps_on_the_way(data: Path) -> None:
    assert _train(data, steps=1).exit_code == 0
    assert _train(data, "--resume", steps=1, more="keep_every = 1\n").exit_code == 0


def test_a_run_asked_to_stop_saves_and_says_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = TrainingStep.run
    monkeypatch.setattr(TrainingStep, "run", _step_after_a_signal(step))
    result = _train(data, steps=50)
    assert "stopped after 1 of 50 steps" in result.output
    assert _steps(data / "out") == 1


def test_a_finished_folder_is_not_overwritten(data: Path) -> None:
    _train(data, steps=1)
    result = _train(data, steps=1)
    assert result.exit_code == 1
    assert "add --resume" in result.output


def test_weights_of_a_run_whose_state_is_gone_are_not_overwritten(data: Path) -> None:
    _train(data, steps=1)
    (data / "out" / STATE_FILE).unlink()
    before = (data / "out" / WEIGHTS_FILE).read_bytes()
    result = _train(data, steps=2)
    assert result.exit_code == 1
    assert f"{data / 'out' / WEIGHTS_FILE} would be overwritten, and its run has no state" in result.output
    assert (data / "out" / WEIGHTS_FILE).read_bytes() == before


def test_a_state_of_another_recipe_or_of_nothing_is_not_resumed(data: Path) -> None:
    _train(data, steps=1)
    result = _train(data, "--resume", steps=2)
    assert result.exit_code == 1
    assert "another recipe or seed" in result.output
    (data / "out" / STATE_FILE).write_bytes(b"broken")
    assert "is no training state" in _train(data, "--resume", steps=1).output


def test_a_state_of_other_frames_is_not_resumed(data: Path) -> None:
    _train(data, steps=2)
    state = data / "out" / STATE_FILE
    with safe_open(state, framework="pt") as file:
        metadata = file.metadata()
    frame = next((data / "images").iterdir())
    before = frame.read_bytes()
    Image.fromarray(np.asarray(Image.open(frame))[::-1]).save(frame)
    result = _train(data, "--resume", steps=2)
    assert result.exit_code == 1
    assert "belongs to a run on other frames" in result.output
    save_file(load(state.read_bytes()), state, {key: text for key, text in metadata.items() if key != DATA_KEY})
    assert _train(data, "--resume", steps=2).exit_code == 0, "a state of before tells nothing of its frames"
    frame.write_bytes(before)
    assert "belongs to a run on other frames" in _train(data, "--resume", steps=2).output


def test_there_must_be_something_to_go_on_from(data: Path) -> None:
    result = _train(data, "--resume", steps=2)
    assert result.exit_code == 1
    assert f"nothing to resume: there is no {data / 'out' / STATE_FILE}" in result.output


@pytest.mark.parametrize(
    ("dataset", "named"), [("absent", "no folder 'images'"), ("{dataset", "'{dataset' has no folder")]
)
def test_a_missing_data_set_is_named_before_training(data: Path, dataset: str, named: str) -> None:
    result = _train(data, steps=1, dataset=dataset)
    assert result.exit_code == 1
    assert named.split("'")[1] in result.output


def test_an_unknown_recipe_and_an_absent_gpu_are_named(data: Path) -> None:
    arguments = ["--data", str(data), "--out", str(data / "out")]
    assert "no recipe 'nowhere'" in CliRunner().invoke(train_command, ["nowhere", *arguments]).output
    if not torch.cuda.is_available():
        result = CliRunner().invoke(train_command, [str(_recipe(data, 1)), *arguments, "--device", "cuda"])
        assert "finds no CUDA device" in result.output


def test_a_full_disk_is_named_before_training(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.files.os.fsync", _full)
    result = _train(data, steps=1)
    assert result.exit_code == 1
    assert "cannot write the checkpoint" in result.output
    assert "No space left" in result.output
    assert not [path for path in (data / "out").iterdir() if path.is_file()]


@pytest.mark.parametrize("field", ["datasets", "start"])
def test_what_cannot_be_read_is_not_said_to_be_written(data: Path, field: str) -> None:
    recipe, name = _recipe(data, 1), "x" * 300
    value = f'["{name}"]' if field == "datasets" else f'"{name}"'
    kept = [line for line in recipe.read_text().splitlines() if not line.startswith(field)]
    recipe.write_text("\n".join([f"{field} = {value}", *kept]))
    arguments = [str(recipe), "--data", str(data.parent), "--out", str(data / "out"), "--device", "cpu"]
    result = CliRunner().invoke(train_command, arguments)
    assert result.exit_code == 1
    assert "File name too long" in result.output
    assert "cannot write" not in result.output


def test_a_disk_that_is_full_when_a_run_goes_on_is_named_before_its_first_step(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _train(data, steps=1)
    monkeypatch.setattr("model.files.os.fsync", _full)
    monkeypatch.setattr(Trainer, "run", lambda *_: pytest.fail("it trains"))
    assert "cannot write the checkpoint" in _train(data, "--resume", steps=1).output


def test_a_run_told_to_stop_keeps_no_weights_that_are_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU run looks at its loss only now and then: one stopped in between once saved what it could not go on from."""
    monkeypatch.setitem(READ_EVERY, "cpu", 50)
    trainer = _trainer(tmp_path, Optimisation(steps=100, batch=2, crop=32))
    trainer.save()
    with torch.no_grad():
        next(iter(trainer.state.network.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match="loss is nan at step 1"):
        list(trainer.run(100, stop=lambda: trainer.state.step == 2))
    assert _steps(tmp_path / TrainingPrecision.FP32) == 0


def test_a_last_step_that_ends_in_no_numbers_keeps_the_weights_of_before(tmp_path: Path) -> None:
    """The loss of a step is that of the weights before it."""
    trainer = _trainer(tmp_path, Optimisation(steps=1, batch=2, crop=32))
    trainer.save()
    weight = next(iter(trainer.state.network.parameters()))
    weight.register_hook(lambda gradient: torch.full_like(gradient, torch.nan))
    with pytest.raises(TrainingError, match="a weight is not finite after 1 steps"):
        list(trainer.run(100))
    assert _steps(tmp_path / TrainingPrecision.FP32) == 0


def test_a_run_tells_of_every_commit_that_trained_it_and_a_finished_one_of_no_other(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit_after(commit: str, *options: str) -> str:
        monkeypatch.setattr("model.training.selection.commit", lambda: commit)
        result = _train(data, *options, steps=4)
        assert result.exit_code == 0, result.output
        return load_checkpoint(data / "out" / WEIGHTS_FILE).record.commit

    with monkeypatch.context() as patch:
        patch.setattr(TrainingStep, "run", _step_after_a_signal(TrainingStep.run))
        assert commit_after("aaaa") == "aaaa"
    assert commit_after("bbbb", "--resume") == "aaaa, bbbb"
    assert commit_after("cccc", "--resume") == "aaaa, bbbb"


def test_without_averaging_the_last_weights_are_kept(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, Optimisation(steps=3, batch=2, crop=32, average_decay=0.0, gradient_norm=0.0))
    list(trainer.run(100))
    kept = load((tmp_path / TrainingPrecision.FP32 / WEIGHTS_FILE).read_bytes())
    for name, value in trainer.state.network.state_dict().items():
        torch.testing.assert_close(kept[name], value, rtol=0, atol=1e-6)


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, Optimisation(steps=2, batch=2, crop=32))
    with torch.no_grad():
        next(iter(trainer.state.network.parameters())).fill_(float("nan"))
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        list(trainer.run(checkpoint_every=10))


def test_training_lowers_the_loss_in_either_precision(tmp_path: Path) -> None:
    for precision in TrainingPrecision:
        plan = Optimisation(steps=30, batch=4, crop=32, precision=precision, peak_learning_rate=1e-2)
        losses = [progress.loss for progress in _trainer(tmp_path, plan).run(checkpoint_every=100)]
        assert np.mean(losses[-5:]) < 0.7 * np.mean(losses[:5])


def test_the_learning_rate_goes_up_once_and_down_once() -> None:
    plan = Optimisation(steps=100, peak_learning_rate=1.0, warm_up=0.1)
    rates = [learning_rate_at(step, plan) for step in range(100)]
    assert max(rates) == rates[10] == 1
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.01


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _trainer(folder: Path, plan: Optimisation) -> Trainer:
    recipe = Recipe(
        name="t",
        description="",
        datasets=(),
        network=Network(widths=(8, 16), units=(1, 1), passes=1),
        augmentation=Augmentation(target_share=1),
        optimisation=plan,
    )
    return Trainer(recipe, _frames(), TrainingRecord(), 0, torch.device("cpu"), folder / plan.precision)


def _frames() -> PackedFrames:
    return pack([_sample(20, 100), _sample(70, 30)])


def _recipe(folder: Path, steps: int, dataset: str | None = None, more: str = "") -> Path:
    path = folder / f"recipe-{steps}.toml"
    path.write_text(RECIPE.replace("{dataset}", dataset or folder.name).replace("{steps}", str(steps)) + more)
    return path


def _train(
    folder: Path, *options: str, steps: int, out: str = "out", dataset: str | None = None, more: str = ""
) -> Result:
    arguments = [str(_recipe(folder, steps, dataset, more)), "--data", str(folder.parent), "--out", str(folder / out)]
    arguments += ["--seed", "5", "--device", "cpu", "--threads", "1", *options]
    return CliRunner().invoke(train_command, arguments)


def _steps(folder: Path) -> int:
    """Steps done; from one read, as safetensors opens a file twice, and a run may replace it in between."""
    path = folder / STATE_FILE
    return int(load(path.read_bytes())["step"]) if path.exists() else -1


def _step_after_a_signal(
    step: Callable[[TrainingStep, int, float], torch.Tensor],
) -> Callable[[TrainingStep, int, float], torch.Tensor]:
    def wrapped(self: TrainingStep, number: int, learning_rate: float) -> torch.Tensor:
        os.kill(os.getpid(), signal.SIGTERM)
        return step(self, number, learning_rate)

    return wrapped


def test_a_seed_changes_what_is_seen_not_only_the_first_weights(data: Path) -> None:
    """PyTorch's CPU generator ignores all but 32 bits of a seed: two seeds once saw the same crops."""
    numbers = [RandomNumbers.empty(2, 8, noise=True, device=torch.device("cpu")) for _ in range(3)]
    for buffer, (seed, step) in zip(numbers, ((0, 5), (1, 5), (0, 6)), strict=True):
        buffer.fill(seed, step)
    first, *others = numbers
    for other in others:
        assert not torch.equal(first.uniforms, other.uniforms)
        assert first.normals is not None
        assert other.normals is not None
        assert not torch.equal(first.normals, other.normals)


def test_adagrad_moves_weights_as_pytorch_s_own(tmp_path: Path) -> None:
    torch.manual_seed(0)
    ours, theirs = torch.nn.Linear(5, 3), torch.nn.Linear(5, 3)
    theirs.load_state_dict(ours.state_dict())
    plan = Optimisation(steps=1, optimiser=Optimiser.ADAGRAD, weight_decay=1e-4)
    optimisers = (
        make_optimiser(ours, plan, torch.tensor(0.05)),
        torch.optim.Adagrad(theirs.parameters(), lr=0.05, weight_decay=1e-4),
    )
    for _ in range(5):
        inputs = torch.randn(4, 5)
        for layer, optimiser in zip((ours, theirs), optimisers, strict=True):
            optimiser.zero_grad()
            layer(inputs).square().sum().backward()
            optimiser.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


@pytest.mark.parametrize("optimiser", Optimiser)
def test_every_optimiser_may_be_captured(optimiser: Optimiser, monkeypatch: pytest.MonkeyPatch) -> None:
    """As PyTorch checks it on CUDA: an optimiser that is not made for that ends the run at its first step there."""
    layer = torch.nn.Linear(5, 3)
    moving = make_optimiser(layer, Optimisation(steps=1, optimiser=optimiser), torch.tensor(0.05))
    layer(torch.ones(2, 5)).sum().backward()
    cuda, capturing = SimpleNamespace(type="cuda"), SimpleNamespace(is_capturing=lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: cuda)
    monkeypatch.setattr(torch.accelerator, "current_stream", lambda: capturing)
    moving.step()


def test_a_snapshot_takes_back_what_steps_have_done(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, Optimisation(steps=9, batch=2, crop=32))
    run = trainer.run(100)
    next(run)
    before = trainer.state.snapshot()
    next(run)
    assert any(not torch.equal(value, before[name]) for name, value in trainer.state.snapshot().items())
    trainer.state.restore(before)
    assert all(torch.equal(value, before[name]) for name, value in trainer.state.snapshot().items())


def test_frames_of_excluded_splits_are_not_trained_on(data: Path) -> None:
    (data / "test.txt").write_text((data / "train.txt").read_text().splitlines()[0] + "\n")
    recipe = _recipe(data, 1)
    recipe.write_text(f'exclude = ["{data.name}/test"]\n' + recipe.read_text())
    arguments = [str(recipe), "--data", str(data.parent), "--out", str(data / "out"), "--device", "cpu"]
    assert CliRunner().invoke(train_command, arguments).exit_code == 0
    (data / "test.txt").write_text((data / "train.txt").read_text())
    result = CliRunner().invoke(train_command, [*arguments[:-3], str(data / "other"), "--device", "cpu"])
    assert result.exit_code == 1
    assert "excluded" in result.output
