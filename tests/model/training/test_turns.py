"""Crop sizes that steps take turns with, and batch norm statistics of the result."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from model.data.packed import pack
from model.network.checkpoint import TrainingRecord, load_checkpoint
from model.recipe import Augmentation, CropSize, Network, Optimisation, Recipe
from model.training.losses import dptk_loss
from model.training.norm_statistics import plain_augmentation
from model.training.trainer import WEIGHTS_FILE, Trainer
from tests.model.sampling.test_sampler import _sample

CPU = torch.device("cpu")


def trainer(out: Path, **plan: object) -> Trainer:
    recipe = Recipe(
        name="t",
        description="",
        datasets=(),
        network=Network(widths=(8, 16), units=(1, 1), passes=1),
        augmentation=Augmentation(target_share=1, gain=(0.2, 0.3)),
        optimisation=Optimisation.model_validate({"steps": 4, "batch": 2, "crop": 32} | plan),
    )
    return Trainer(
        recipe, pack([_sample(20, 100), _sample(70, 30)]), TrainingRecord(network=recipe.network), 0, CPU, out
    )


def test_steps_take_turns_with_the_sizes(tmp_path: Path) -> None:
    run = trainer(tmp_path, turns=(CropSize(batch=4, crop=16),))
    seen: list[tuple[int, ...]] = []
    run.state.network.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    list(run.run(100))
    assert seen == [(2, 1, 32, 32), (4, 1, 16, 16), (2, 1, 32, 32), (4, 1, 16, 16)]


def test_the_loss_of_a_step_is_the_one_of_the_recipe(tmp_path: Path) -> None:
    losses = [next(trainer(tmp_path / str(each), dice_per_crop=each).run(100)).loss for each in (False, True)]
    maps: list[tuple[Tensor, Tensor]] = []

    def kept(logits: Tensor, targets: Tensor) -> Tensor:
        maps.append((logits.detach(), targets))
        return dptk_loss(logits, targets)

    run = trainer(tmp_path / "kept")
    run._step._loss_of = kept
    next(run.run(100))
    assert losses == pytest.approx([dptk_loss(*maps[0], dice_per_crop=each).item() for each in (False, True)])
    assert losses[0] != losses[1]


def test_statistics_of_the_result_are_those_of_plain_crops(tmp_path: Path) -> None:
    """Training crops are dark (a gain of 0.2 to 0.3), plain crops have the intensities of the frames."""
    first: dict[int, dict[str, Tensor]] = {}
    for batches in (0, 20):
        run = trainer(tmp_path / str(batches), norm_batches=batches)
        list(run.run(100))
        network = load_checkpoint(tmp_path / str(batches) / WEIGHTS_FILE).network
        first[batches] = next(one for one in network.modules() if isinstance(one, nn.BatchNorm2d)).state_dict()
        if batches:
            again = trainer(tmp_path / str(batches), norm_batches=batches)
            again.resume()
            again.save()
            resumed = load_checkpoint(tmp_path / str(batches) / WEIGHTS_FILE).network.state_dict()
            assert all(torch.equal(value, resumed[name]) for name, value in network.state_dict().items())
            assert run.state.network.training
    assert torch.equal(first[0]["weight"], first[20]["weight"])
    before, after = first[0]["running_var"], first[20]["running_var"]
    assert (before - after).abs().max() > 0.5 * before.max()


def test_plain_crops_keep_what_sets_the_size_of_a_target() -> None:
    square = Augmentation(square_share=1.0, native_share=0.0, gain=(0.5, 2.0), blur_share=1.0, noise_share=1.0)
    plain = plain_augmentation(square)
    assert (plain.square_share, plain.native_share, plain.gain, plain.offset) == (1.0, 1.0, (1.0, 1.0), (0.0, 0.0))
    assert plain.blur_share == plain.noise_share == plain.bits_share == plain.target_share == plain.hard_share == 0
    long = plain_augmentation(Augmentation(long_side=(256, 512), native_share=0.25))
    assert (long.long_side, long.native_share) == ((256, 512), 0.25)
