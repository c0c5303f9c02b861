"""A hostile container of each format, by its seed."""

import random
from collections.abc import Callable
from typing import Final

from tests.attacks.containers import jpeg, jpeg2000, others, png, tiff

FORMS: Final[dict[str, Callable[[random.Random], bytes]]] = {
    "tiff": tiff.build,
    "png": png.build,
    "jpeg": jpeg.build,
    "jpeg-ls": jpeg.build_ls,
    "jpeg2000": jpeg2000.build,
    "bmp": others.build_bmp,
    "pgm": others.build_pgm,
    "npy": others.build_npy,
    "fits": others.build_fits,
}


def container(form: str, seed: int) -> bytes:
    """The file of a seed; the same one every time."""
    return FORMS[form](random.Random(f"{form} {seed}"))
