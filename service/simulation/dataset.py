"""Simulated frames as a dataset on disk: ``images/``, ``masks/``, ``train.txt``, ``test.txt`` and ``targets.json``."""

import json
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from service.simulation.scenario import SCENARIOS, ScenarioName
from service.simulation.scene import Scene, Truth, make_scene
from service.simulation.sequence import make_sequence

BITS: Final = (8, 14, 16)
FEWEST: Final = 2  # one frame for each list


class Split(Enum):
    """Which frames ``train.txt`` and ``test.txt`` name."""

    ALTERNATE = "every second frame is for training"
    HALVES = "the first half is for training, because neighbours in a sequence are nearly the same frame"

    def of(self, names: list[str]) -> dict[str, list[str]]:
        """The names of each list."""
        middle = (len(names) + 1) // 2
        if self is Split.HALVES:
            return {"train": names[:middle], "test": names[middle:]}
        return {"train": names[::2], "test": names[1::2]}


def still_frames(count: int, seed: int = 0) -> Iterator[tuple[str, Scene]]:
    """Independent frames with their names; the number in a name is the seed of its frame."""
    for number in range(seed, seed + count):
        yield f"scene_{number:04d}", make_scene(number)


def sequence_frames(
    count: int, seed: int = 0, scenario: ScenarioName = ScenarioName.CALM
) -> Iterator[tuple[str, Scene]]:
    """The frames of one sequence with their names, in the order of time."""
    for number, scene in enumerate(make_sequence(seed, count, scenario=SCENARIOS[scenario])):
        yield f"frame_{number:06d}", scene


def write_dataset(
    folder: Path, frames: Iterable[tuple[str, Scene]], bits: int = 8, split: Split = Split.ALTERNATE
) -> None:
    """Write frames with their masks, the two lists of names, and the true targets of each frame.

    ``targets.json`` maps a frame's name to its targets: ``id`` (the same in all frames of a sequence), ``x`` and ``y``
    in pixels, (0, 0) at the centre of the top-left pixel.

    Args:
        folder: made if it is missing; files of the same names are overwritten.
        frames: names and scenes, at least ``FEWEST``.
        bits: one of ``BITS``.
        split: which list names which frame.

    Raises:
        OSError: the folder cannot be written.
    """
    truths: dict[str, list[dict[str, Any]]] = {}
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name, scene in frames:
        Image.fromarray(scene.counts(bits)).save(folder / "images" / f"{name}.png")
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")
        truths[name] = [_entry(target) for target in scene.targets]
    for part, names in split.of(list(truths)).items():
        (folder / f"{part}.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    (folder / "targets.json").write_text(json.dumps(truths, indent=1) + "\n", encoding="utf-8")


def _entry(target: Truth) -> dict[str, Any]:
    return {"id": target.id, "x": target.x, "y": target.y}
