"""The simulated sample scenes of the page: ``python -m benchmarks.page.samples`` writes ``service/web/samples``."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import service
from service.simulation.backgrounds import draw_background
from service.simulation.scene import NOISE, Scene, Truth, compose, make_scene
from service.simulation.sequence import make_sequence

FOLDER: Final = Path(service.__file__).parent / "web" / "samples"
BITS: Final = 14
HEIGHT, WIDTH = 192, 256
PITCH: Final = 12.0  # pixels between the targets of the cluster
CENTRE: Final = (154.0, 77.0)  # pixels
CLUSTER: Final = ((-1, -1), (0, -1.1), (1, -0.9), (-1.5, 0.1), (0.5, 0), (1.6, 0.2), (-0.5, 1), (0.8, 1.2))  # pitches
FRAMES: Final = 6


def main() -> None:
    """Write all scenes."""
    FOLDER.mkdir(exist_ok=True)
    _write("cluster.png", cluster().counts(BITS))
    _write("clouds.png", make_scene(24, HEIGHT, WIDTH, 6, "clouds").counts(BITS))
    _write("passes.tiff", *(scene.counts(BITS) for scene in make_sequence(5, FRAMES)))


def cluster(seed: int = 9, background: str = "sky") -> Scene:
    """Eight targets close together, in front of a calm sky."""
    rng = np.random.default_rng(seed)
    field = draw_background(rng, background, HEIGHT, WIDTH) + rng.normal(0, NOISE, (HEIGHT, WIDTH))
    places = [(CENTRE[0] + PITCH * x + 0.3 * i, CENTRE[1] + PITCH * y) for i, (x, y) in enumerate(CLUSTER)]
    return compose(field, [Truth(x, y, 1.0, 0.28, number) for number, (x, y) in enumerate(places, 1)])


def _write(name: str, *pages: NDArray[np.unsignedinteger]) -> None:
    first, *rest = (Image.fromarray(page) for page in pages)
    if name.endswith(".png"):
        first.save(FOLDER / name, optimize=True)
    else:
        first.save(FOLDER / name, save_all=True, append_images=rest, compression="tiff_adobe_deflate")


if __name__ == "__main__":
    main()
