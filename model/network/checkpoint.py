"""Checkpoints: safetensors files with the weights of a network and the record of its training.

The checkpoints of the authors' two code bases can be read, too. If a file does not fit, the error names the keys.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from model.files import write_atomically
from model.network.normalisation import DENSESIRST, IMAGENET
from model.network.official import OfficialKeysError, from_official
from model.network.rrcanet import RRCANet
from model.recipe import Network, PerChannel

METADATA_KEY = "rrcanet.training"
MAX_KEYS_NAMED = 8
STATE_KEYS = ("state_dict", "model_state_dict", "net", "model")  # where checkpoints keep the weights
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and of torch.compile
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class CheckpointError(Exception):
    """The file is no checkpoint of RRCA-Net. The message names the keys or shapes that are wrong."""


class TrainingRecord(BaseModel):
    """The record of a checkpoint's training. The export copies it into the card of the model file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str = "unknown"
    description: str = ""
    datasets: tuple[str, ...] = ()
    split: str = "unknown"
    steps: int = 0
    seed: int = 0
    commit: str = "unknown"
    mean: PerChannel = 90.0
    std: PerChannel = 60.0
    network: Network = Network()


class Checkpoint:
    """A trained network in evaluation mode, with its record."""

    def __init__(self, network: RRCANet, record: TrainingRecord) -> None:
        self.network, self.record = network.eval(), record


def build_network(shape: Network) -> RRCANet:
    """An untrained network of this shape."""
    return RRCANet(shape.in_channels, shape.widths, shape.units, shape.passes, shape.pool_window)


def save_checkpoint(path: Path, weights: Mapping[str, Tensor], record: TrainingRecord) -> None:
    """Write weights and record to one file in one atomic step.

    Raises:
        OSError: the disk is full or the folder is not writable.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(path, save(tensors, {METADATA_KEY: record.model_dump_json()}))


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint: one of this project (safetensors), or one of the authors (``.pth.tar``, either code base).

    Raises:
        CheckpointError: the file is no checkpoint or belongs to another architecture.
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise CheckpointError(f"{path} is a pointer of Git LFS and not the file itself; run: git lfs pull")
    weights, record = _read_ours(path) if _is_safetensors(path) else _read_official(path)
    network = build_network(record.network)
    _refuse_misfit(path, network, weights)
    network.load_state_dict(weights)
    return Checkpoint(network, record)


def _is_safetensors(path: Path) -> bool:
    with path.open("rb") as file:
        header = file.read(9)
    return len(header) == 9 and header[8:] == b"{"


def _read_ours(path: Path) -> tuple[dict[str, Tensor], TrainingRecord]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"{path} is no safetensors file: {error}") from error
    if METADATA_KEY not in metadata:
        raise CheckpointError(f"{path} has no {METADATA_KEY!r} in its metadata: not written by rrcanet train")
    try:
        return weights, TrainingRecord.model_validate_json(metadata[METADATA_KEY])
    except ValidationError as error:
        raise CheckpointError(f"{path} has a record that this version cannot read: {error}") from error


def _read_official(path: Path) -> tuple[dict[str, Tensor], TrainingRecord]:
    try:
        # the authors store a NumPy scalar beside the weights; unpickling anything else is forbidden
        with torch.serialization.safe_globals(_numpy_scalars()):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(f"{path} is neither safetensors nor a PyTorch checkpoint: {error}") from error
    state = _state_dict(content)
    if state is None:
        raise CheckpointError(
            f"{path} holds no state_dict, neither by itself nor under one of: {', '.join(STATE_KEYS)}"
        )
    try:
        weights, in_channels = from_official(state)
    except OfficialKeysError as error:
        raise CheckpointError(f"{path}: {error}") from error
    return weights, _official_record(path, in_channels)


def _state_dict(content: Any) -> dict[str, Tensor] | None:
    """The weights in a checkpoint, without the prefixes that wrappers of PyTorch put before every name."""
    if not isinstance(content, dict):
        return None
    state = next((content[key] for key in STATE_KEYS if isinstance(content.get(key), dict)), content)
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        return None
    while prefix := next((one for one in PREFIXES if all(name.startswith(one) for name in state)), None):
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def _official_record(path: Path, in_channels: int) -> TrainingRecord:
    """The record of an authors' checkpoint. The number of channels shows the code base and so the normalisation."""
    of_imagenet = in_channels == len(IMAGENET[0])
    mean, std = IMAGENET if of_imagenet else DENSESIRST
    return TrainingRecord(
        recipe="authors",
        description=f"authors' checkpoint {path.name}, normalised as {'ImageNet' if of_imagenet else 'DenseSIRST'}",
        mean=mean,
        std=std,
        network=Network(in_channels=in_channels),
    )


def _refuse_misfit(path: Path, network: RRCANet, weights: Mapping[str, Tensor]) -> None:
    expected = network.state_dict()
    missing = sorted(expected.keys() - weights.keys())
    unexpected = sorted(weights.keys() - expected.keys())
    misshapen = sorted(
        f"{name} {tuple(weights[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected.keys() & weights.keys()
        if weights[name].shape != expected[name].shape
    )
    faults = [
        f"{what} {len(keys)}: {', '.join(keys[:MAX_KEYS_NAMED])}{', ...' if len(keys) > MAX_KEYS_NAMED else ''}"
        for what, keys in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if keys
    ]
    if faults:
        raise CheckpointError(f"{path} does not fit RRCA-Net; keys " + "; ".join(faults))


def _numpy_scalars() -> list[Any]:
    import numpy as np

    scalar = np.float64(0).__reduce__()[0]
    before_2 = (scalar, "numpy.core.multiarray.scalar")  # the function's name in NumPy 1, which the authors used
    return [scalar, before_2, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, np.ndarray]
