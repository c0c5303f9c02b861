"""Outputs of other implementations, kept small: ``official_*`` of the authors, ``pyirstdmetrics`` of that package.

Their state dicts hold every shared convolution once a pass; here each distinct array stands once, and
``aliases`` says which keys share it.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent


def load(name: str) -> dict[str, NDArray[Any]]:
    """All arrays of ``official_NAME.npz`` under the authors' keys."""
    with np.load(FOLDER / f"official_{name}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    aliases = json.loads(str(arrays.pop("aliases", "{}")))
    return arrays | {key: arrays[source] for key, source in aliases.items()}


def shrink(source: Path, target: Path) -> None:
    """Write ``source`` again with every distinct array stored once."""
    aliases: dict[str, str] = {}
    kept: dict[str, NDArray[Any]] = {}
    first: dict[tuple[str, str, bytes], str] = {}
    with np.load(source, allow_pickle=False) as file:
        for key in file.files:
            array = file[key]
            identity = (str(array.dtype), str(array.shape), array.tobytes())
            if first.setdefault(identity, key) != key:
                aliases[key] = first[identity]
            else:
                kept[key] = array
    np.savez_compressed(target, aliases=np.array(json.dumps(aliases)), **kept)  # type: ignore[arg-type]
