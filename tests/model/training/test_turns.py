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
    ways: list[dict[str, object]] = [{}, {"dice_per_crop": True}, {"top_share": 1, "poly_epsilon": 0}]
    ways.append({"top_pixels": 9})
    losses = [next(trainer(tmp_path / str(number), **way).run(100)).loss for number, way in enumerate(ways)]
    maps: list[tuple[Tensor, Tensor]] = []

    def kept(logits: Tensor, targets: Tensor) -> Tensor:
        maps.append((logits.detach(), targets))
        return dptk_loss(logits, targets)

    run = trainer(tmp_path / "kept")
    run._step._loss_of = kept
    next(run.run(100))
    expected = [
        dptk_loss(*maps[0]),
        dptk_loss(*maps[0], dice_per_crop=True),
        dptk_loss(*maps[0], k=100, epsilon=0),
        dptk_loss(*maps[0], pixels_per_crop=9),
    ]
    assert losses == pytest.approx([loss.item() for loss in expected])
    assert len(set(losses)) == len(losses)


def test_the_last_part_of_a_run_may_be_in_float32(tmp_path: Path) -> None:
    run = trainer(tmp_path, precision="bf16", fp32_share=0.25, steps=8)
    seen: list[torch.dtype] = []
    head = run.state.network.get_submodule("head")
    head.register_forward_hook(lambda _, __, logits: seen.append(logits.dtype))
    list(run.run(100))
    assert seen == [torch.bfloat16] * 6 + [torch.float32] * 2


@pytest.mark.parametrize("ramp", [10.0, 2.0])
def test_the_average_reaches_back_as_far_as_its_ramp_says(tmp_path: Path, ramp: float) -> None:
    run = trainer(tmp_path, average_decay=1.0, average_ramp=ramp, steps=5)
    weight = run.state.network.get_parameter("head.weight")
    expected = weight.detach().clone()
    for progress in run.run(100):
        decay = progress.step / (ramp + progress.step - 1)
        expected = decay * expected + (1 - decay) * weight.detach()
    torch.testing.assert_close(run.state.average["head.weight"], expected)


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
