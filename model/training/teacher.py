"""A trained network whose maps a smaller one learns from, in addition to the masks.

Knowledge distillation (Hinton et al., arXiv 1503.02531). The teacher sees the crops of every step as the student does.
"""

import hashlib

import torch
from torch import Tensor, nn

from model.network.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from model.network.normalisation import Normalisation
from model.recipe import Recipe, RecipeError
from model.training.start import weights_file


class Teacher:
    """The network of a checkpoint, with its own normalisation. Nothing of it is trained."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device) -> None:
        record, weights = checkpoint.record, checkpoint.network.state_dict()
        self.digest = hashlib.sha256(b"".join(one.cpu().numpy().tobytes() for one in weights.values())).hexdigest()
        normalised = Normalisation(record.mean, record.std, record.network.in_channels)
        self._network = nn.Sequential(normalised, checkpoint.network).to(device).eval().requires_grad_(False)
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def logits(self, intensities: Tensor) -> Tensor:
        """``[N, 1, S, S]``, 0 to 255 -> logits of the same shape, in the arithmetic of the caller."""
        logits: Tensor = self._network(intensities.contiguous(memory_format=torch.channels_last))
        return logits


def teaching_checkpoint(recipe: Recipe) -> Checkpoint | None:
    """The checkpoint of a recipe's teacher; None if it has none.

    Raises:
        RecipeError: the file is missing or no checkpoint, or the teacher cannot see the crops of the recipe.
    """
    if recipe.teacher is None:
        return None
    try:
        checkpoint = load_checkpoint(weights_file(recipe.teacher))
    except (CheckpointError, FileNotFoundError) as error:
        raise RecipeError(f"recipe {recipe.name} has no teacher: {error}") from error
    stride = checkpoint.network.stride
    for size in recipe.optimisation.sizes:
        if size.crop % stride:
            raise RecipeError(f"recipe {recipe.name}: teacher {recipe.teacher} needs crops of a multiple of {stride}")
    return checkpoint
