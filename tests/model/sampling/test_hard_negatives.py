"""Crops go back to where the network raised a false alarm."""

import numpy as np
import torch

from model.data.dataset import Sample
from model.data.packed import pack
from model.recipe import Augmentation
from model.sampling.draws import Draws, RandomNumbers
from model.sampling.hard_negatives import ALARM, HardNegatives
from model.sampling.sampler import Crops, CropSampler

CPU = torch.device("cpu")
CHANGES = Augmentation(target_share=0.5, hard_share=1.0, native_share=0.3, square_share=0.3)


def test_the_bright_spot_of_any_crop_is_noted_where_it_stands_in_the_frame() -> None:
    hard = HardNegatives(CPU)
    for step in range(8):
        crops = _draw(Augmentation(target_share=0.0), hard, step, count=16)
        alarms = torch.where(crops.intensities > 120, 5.0, -9.0)  # a network that takes the warm roof for a target
        hard.remember(alarms, crops.masks, crops.frame, crops.centre, crops.matrix)
    noted = hard.tensors()
    found = noted["probability"] > ALARM
    assert 16 < found.sum() <= 128
    assert set(noted["frame"][found].tolist()) == {1}
    assert (noted["place"][found] - torch.tensor([40.0, 90.0])).abs().max() < 6


def test_targets_are_no_hard_negatives() -> None:
    hard = HardNegatives(CPU)
    crops = _draw(Augmentation(target_share=1.0), hard, 0, count=16)
    hard.remember(torch.where(crops.masks > 0, 9.0, -9.0), crops.masks, crops.frame, crops.centre, crops.matrix)
    assert hard.tensors()["probability"].max() < ALARM


def test_crops_without_a_target_are_cut_around_the_hard_places() -> None:
    hard = HardNegatives(CPU)
    places = hard.tensors()
    places["frame"].fill_(1)
    places["place"].copy_(torch.tensor([40.0, 90.0]).expand_as(places["place"]))
    places["probability"].fill_(0.9)
    crops = _draw(CHANGES, hard, 3, count=256)
    empty = crops.masks.sum((1, 2, 3)) == 0
    assert 64 < empty.sum() < 192
    assert (crops.frame[empty] == 1).all()
    assert ((crops.intensities[empty] > 100).sum((1, 2, 3)) > 0).float().mean() > 0.9


def test_places_that_are_no_longer_hard_are_left_alone() -> None:
    hard = HardNegatives(CPU)
    hard.tensors()["probability"].fill_(ALARM / 2)
    numbers = RandomNumbers.empty(64, 32, False, CPU)
    numbers.fill(0, 0)
    assert not hard.draw(Draws(numbers)).is_hard.any()


def test_the_worst_places_come_first() -> None:
    hard = HardNegatives(CPU)
    places = hard.tensors()
    places["probability"].copy_(torch.linspace(0.4, 0.9, len(places["probability"])))
    places["place"][:, 0] = places["probability"]
    numbers = RandomNumbers.empty(512, 32, False, CPU)
    numbers.fill(0, 0)
    chosen = hard.draw(Draws(numbers)).place[:, 0]
    assert chosen.mean() > 0.75  # the largest of four uniform draws lies at four fifths


def _draw(change: Augmentation, hard: HardNegatives, step: int, count: int) -> Crops:
    numbers = RandomNumbers.empty(count, 48, change.noise_share > 0, CPU)
    numbers.fill(0, step)
    return CropSampler(pack([_scene("target"), _scene("roof")]), change, 48, hard).draw(numbers)


def _scene(kind: str) -> Sample:
    """One frame with a target, one with a warm roof and no target."""
    counts, mask = np.full((100, 160), 40, np.uint8), np.zeros((100, 160), bool)
    counts[0, 0] = 0
    if kind == "target":
        counts[50:53, 30:33], mask[50:53, 30:33] = 250, True
    else:
        counts[36:45, 86:95] = 140
    return Sample(kind, counts, mask)
