"""The initial network of a run, with random weights or the weights of an earlier run."""

from importlib import resources
from pathlib import Path

from torch import nn

from model.network.checkpoint import Checkpoint, CheckpointError, build_network, load_checkpoint
from model.network.rrcanet import RRCANet
from model.recipe import Initialisation, Recipe, RecipeError


def initial_network(recipe: Recipe) -> RRCANet:
    """The network of a recipe before its first step.

    Raises:
        RecipeError: the initial weights are missing, are no checkpoint, or belong to another shape or normalisation.
    """
    before = starting_checkpoint(recipe)
    network = build_network(recipe.network)
    if before is not None:
        network.load_state_dict(before.network.state_dict())
    elif recipe.initialisation is Initialisation.XAVIER:
        _initialise(network)
    return network


def _initialise(network: RRCANet) -> None:
    """Glorot's normal initialisation (AISTATS 2010) of all convolution kernels. Biases keep PyTorch's values."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight)


def starting_checkpoint(recipe: Recipe) -> Checkpoint | None:
    """The checkpoint with the initial weights of a recipe; None for random weights.

    Raises:
        RecipeError: see ``initial_network``.
    """
    if recipe.start is None:
        return None
    try:
        before = load_checkpoint(weights_file(recipe.start))
    except (CheckpointError, FileNotFoundError) as error:
        raise RecipeError(f"recipe {recipe.name} cannot start: {error}") from error
    record = before.record
    if not recipe.network.has_weights_of(record.network) or (record.mean, record.std) != (recipe.mean, recipe.std):
        raise RecipeError(f"recipe {recipe.name}: {recipe.start} has another shape or normalisation than the recipe")
    return before


def weights_file(name_or_path: str) -> Path:
    """The file of a checkpoint that is given as a path, or as a name in ``model/weights``."""
    path = Path(name_or_path)
    shipped = Path(str(resources.files("model").joinpath("weights", f"{name_or_path}.safetensors")))
    return path if path.is_file() else shipped
