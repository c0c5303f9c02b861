"""Scores of a checkpoint on the frames that its recipe holds out of training."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from model.data.dataset import DataError, FrameFolder, Sample
from model.network.checkpoint import Checkpoint, load_checkpoint
from model.network.normalisation import Normalisation
from model.recipe import Recipe
from model.scoring.metrics import Scores, count_frame, score
from model.training.selection import excluded_names, is_held_out

THRESHOLD: Final = 0.5  # on the probability of pixels


def held_out_frames(recipe: Recipe, data: Path) -> list[Sample]:
    """The frames that the recipe holds out and that are in no excluded split.

    Raises:
        DataError: the recipe holds no frame out, or a frame cannot be read.
    """
    excluded = excluded_names(recipe, data)
    samples = []
    for folder in (FrameFolder(data / name, recipe.split) for name in recipe.datasets):
        names = [name for name in folder.names if name not in excluded and is_held_out(name, recipe)]
        samples += [folder.load(name) for name in names]
    if not samples:
        raise DataError(
            f"recipe {recipe.name} holds no frame out of training, so there is nothing to score: name frames in its "
            'field held_out, such as held_out = ["scene7_*"]'
        )
    return samples


def score_checkpoint(file: Path, samples: Sequence[Sample], device: torch.device) -> Scores:
    """Score the weights of a checkpoint at threshold 0.5, on the frames' own pixels."""
    maps = predict(load_checkpoint(file), samples, device)
    return score(count_frame(one > THRESHOLD, sample.mask) for one, sample in zip(maps, samples, strict=True))


@torch.inference_mode()
def predict(checkpoint: Checkpoint, samples: Iterable[Sample], device: torch.device) -> Iterator[NDArray[np.float32]]:
    """Probabilities ``[H, W]`` of every frame, padded to the stride as the service pads it: its edge is repeated."""
    record, stride = checkpoint.record, checkpoint.network.stride
    normalised = Normalisation(record.mean, record.std, record.network.in_channels)
    network = nn.Sequential(normalised, checkpoint.network).to(device).eval()
    for sample in samples:
        height, width = sample.mask.shape
        frame = torch.from_numpy(sample.intensities())[None, None].to(device)
        padded = F.pad(frame, (0, -width % stride, 0, -height % stride), mode="replicate")
        logits: Tensor = network(padded)[0, 0, :height, :width]
        yield torch.sigmoid(logits).cpu().numpy()
