"""Infrared-like scenes with small targets of known mask and sub-pixel centre, seeded.

``python -m tests.scenes OUT --count 20 --bits 14`` writes a data set in the layout that ``rrcanet train`` and
``rrcanet evaluate`` read: ``images/``, ``masks/``, ``train.txt``, ``test.txt``, and ``targets.json`` with the centres.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Field = NDArray[np.float64]
MASK_LEVEL = 0.4  # of a target's own peak: what belongs to its mask
BASE_SHARE, SPAN_SHARE = 0.25, 0.35  # of full scale: where the background lies, so that 14 bits use a part of 16


@dataclass(frozen=True, slots=True)
class Truth:
    """A target's centre in pixels (x right, y down, (0, 0) the centre of the top-left pixel), and its sigma."""

    x: float
    y: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Scene:
    """``radiance [H, W]`` in 0..1, ``mask [H, W]`` and the targets."""

    radiance: Field
    mask: NDArray[np.bool_]
    targets: tuple[Truth, ...]

    def counts(self, bits: int, offset: int = 0) -> NDArray[np.unsignedinteger]:
        """As a sensor of so many bits counts it, in the smallest type that holds them.

        Args:
            bits: 8, 14 or 16.
            offset: added counts, as uncooled sensors have.
        """
        top = 2**bits - 1
        counts = np.clip(np.rint(self.radiance * top), 0, top) + offset
        smallest = np.uint8 if bits == 8 and offset == 0 else np.uint16
        return np.asarray(counts.astype(smallest))


def make_scene(
    seed: int, height: int = 128, width: int = 160, targets: int = 3, background: str | None = None
) -> Scene:
    """Draw a scene.

    Args:
        background: one of ``BACKGROUNDS``; by the seed if not given.
    """
    rng = np.random.default_rng(seed)
    names = sorted(BACKGROUNDS)
    field = BACKGROUNDS[background or names[seed % len(names)]](rng, height, width)
    field = _between(field, BASE_SHARE, BASE_SHARE + SPAN_SHARE * rng.uniform(0.4, 1.0))
    noise = rng.normal(0, 0.004, field.shape)
    radiance, mask, truths = field + noise, np.zeros(field.shape, np.bool_), []
    for x, y in _places(rng, targets, height, width):
        truth = Truth(x, y, float(rng.uniform(0.8, 1.6)))
        profile = _profile(truth, height, width)
        radiance = radiance + float(rng.uniform(0.25, 0.35)) * profile
        mask |= profile > MASK_LEVEL
        truths.append(truth)
    return Scene(np.clip(radiance, 0, 1), mask, tuple(truths))


def _sky(rng: np.random.Generator, height: int, width: int) -> Field:
    y, x = np.mgrid[0:height, 0:width]
    field: Field = y * rng.uniform(0.5, 1) + x * rng.uniform(-0.3, 0.3)
    return field


def _clouds(rng: np.random.Generator, height: int, width: int) -> Field:
    octaves = (ndimage.gaussian_filter(rng.normal(size=(height, width)), s, mode="wrap") * s for s in (4, 8, 16, 32))
    field: Field = np.maximum(sum(octaves, np.zeros((height, width))), 0)
    return field


def _sea(rng: np.random.Generator, height: int, width: int) -> Field:
    y, x = np.mgrid[0:height, 0:width]
    waves = np.sin(0.35 * y + 0.6 * np.sin(0.07 * x + rng.uniform(0, 6))) * (y / height) ** 2
    glint = ndimage.gaussian_filter(rng.normal(size=(height, width)), (0.8, 3))
    field: Field = 0.6 * y / height + 0.25 * waves + glint * y / height
    return field


def _clutter(rng: np.random.Generator, height: int, width: int) -> Field:
    """Roofs and walls: rectangles with hot edges, softened by the optics."""
    field = np.zeros((height, width))
    for _ in range(14):
        top, left = rng.integers(0, height), rng.integers(0, width)
        rows, columns = rng.integers(8, 40, 2)
        field[top : top + rows, left : left + columns] = rng.uniform(0, 1)
    return np.asarray(ndimage.gaussian_filter(field, 1.5))


BACKGROUNDS: dict[str, Callable[[np.random.Generator, int, int], Field]] = {
    "clouds": _clouds,
    "clutter": _clutter,
    "sea": _sea,
    "sky": _sky,
}


def _places(rng: np.random.Generator, count: int, height: int, width: int) -> list[tuple[float, float]]:
    """Sub-pixel centres (x, y) that keep their distance from each other and from the edge."""
    places: list[tuple[float, float]] = []
    for _ in range(100 * count):
        if len(places) == count:
            break
        x, y = rng.uniform(6, width - 7), rng.uniform(6, height - 7)
        if all(np.hypot(x - a, y - b) > 14 for a, b in places):
            places.append((float(x), float(y)))
    return places


def _profile(truth: Truth, height: int, width: int) -> Field:
    y, x = np.mgrid[0:height, 0:width]
    field: Field = np.exp(-((x - truth.x) ** 2 + (y - truth.y) ** 2) / (2 * truth.sigma**2))
    return field


def _between(field: Field, low: float, high: float) -> Field:
    span = float(np.ptp(field)) or 1.0
    return np.asarray(low + (field - field.min()) / span * (high - low))


def write_data_set(folder: Path, count: int, bits: int = 8, seed: int = 0) -> None:
    """Write ``count`` scenes, every second one for training, as a data set of the field is laid out."""
    truths, names = {}, [f"scene_{seed + index:04d}" for index in range(count)]
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        scene = make_scene(seed + index)
        Image.fromarray(scene.counts(bits)).save(folder / "images" / f"{name}.png")
        Image.fromarray(scene.mask.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")
        truths[name] = [{"x": t.x, "y": t.y} for t in scene.targets]
    (folder / "train.txt").write_text("\n".join(names[::2]) + "\n")
    (folder / "test.txt").write_text("\n".join(names[1::2]) + "\n")
    (folder / "targets.json").write_text(json.dumps(truths, indent=1))


@click.command(epilog="Example: python -m tests.scenes scenes --count 20 --bits 14")
@click.argument("out", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(2), default=20, show_default=True)
@click.option("--bits", type=click.Choice(["8", "14", "16"]), default="8", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def main(out: Path, count: int, bits: str, seed: int) -> None:
    """Write scenes with their masks to OUT."""
    write_data_set(out, count, int(bits), seed)
    click.echo(f"{count} scenes of {bits} bits in {out}")


if __name__ == "__main__":
    main()
