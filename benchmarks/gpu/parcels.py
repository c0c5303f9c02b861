"""What a GPU machine without a network is sent: parcels, in parts small enough for one call, joined there.

``.gpu/parts.json`` names the parcels with the number of their parts and travels with every call, ``.gpu/parts`` holds
what a call carries of them. On the machine each parcel is unpacked under one root as soon as all its parts are there.
"""

import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Final

PARTS: Final = Path(".gpu/parts")
MANIFEST: Final = Path(".gpu/parts.json")
CALL_BYTES: Final = 64 * 2**20  # that travel with a call at most: the repository, parts, results
PART_BYTES: Final = 24 * 2**20  # two of them and the repository stay below it


def write_parcel(
    name: str, members: Mapping[str, Path], into: Path, compress: bool = False, part_bytes: int = PART_BYTES
) -> int:
    """Pack files and folders; the number of parts ``NAME.000``, ``NAME.001``...

    Args:
        members: each under the path that it gets below the root.
        into: where the parts go.
        compress: unless the files are compressed already.
    """
    whole = into / f"{name}.tar"
    with tarfile.open(whole, "w:xz", preset=1) if compress else tarfile.open(whole, "w") as tar:
        for there, here in members.items():
            tar.add(here, there)
    with whole.open("rb") as stream:
        for index in count():
            part = stream.read(part_bytes)
            if not part:
                whole.unlink()
                return index
            (into / f"{name}.{index:03d}").write_bytes(part)
    raise AssertionError("a count never ends")


def receive(parcels: dict[str, int], carried: Path, root: Path) -> Iterator[str]:
    """Keep the parts that came, unpack what is complete; a line on every parcel that is not.

    Args:
        parcels: number of parts by name.
        carried: the folder of parts that came with this call.
        root: what outlives the call.
    """
    kept = root / "parts"
    kept.mkdir(parents=True, exist_ok=True)
    for part in sorted(carried.glob("*")):
        shutil.copy(part, kept / part.name)
    for name, number in parcels.items():
        if is_there(name, root):
            continue
        parts = [kept / f"{name}.{index:03d}" for index in range(number)]
        absent = [part.name for part in parts if not part.is_file()]
        if absent:
            yield f"{name}: still to come are {', '.join(absent)}"
            continue
        whole = kept / f"{name}.tar"
        with whole.open("wb") as joined:
            for part in parts:
                joined.write(part.read_bytes())
        with tarfile.open(whole) as tar:
            tar.extractall(root, filter="data")
        _mark(name, root).parent.mkdir(exist_ok=True)
        _mark(name, root).touch()
        for file in (whole, *parts):
            file.unlink()


def is_there(name: str, root: Path) -> bool:
    """Whether a parcel was unpacked."""
    return _mark(name, root).exists()


def read_manifest() -> dict[str, int]:
    """Parcels and their parts, in the order of their sending."""
    parcels: dict[str, int] = json.loads(MANIFEST.read_text())
    return parcels


def _mark(name: str, root: Path) -> Path:
    return root / "unpacked" / name
