"""What a call leaves: few files, as a device tool takes back at most eight, and what a later machine goes on from."""

import io
import shutil
import tarfile
from pathlib import Path
from typing import Final

FILES: Final = 8  # that come back
PART_BYTES: Final = 15 * 2**20  # a file that comes back is at most 16 MiB
KEPT: Final = "kept.tar"


def collect(root: Path, out: Path) -> None:
    """Write ``report.md``, everything that a later call needs, in parts, and the figures as JSON into ``out``.

    Weights come first: should there be more parts than can come back, training states are what is lost. Networks of the
    comparison stay there, with states of up to 800 MB: their scores are what it is for. Figures are in the parts too:
    only as many are written beside them as there is room for.
    """
    out.mkdir(parents=True, exist_ok=True)
    results = root / "results"
    figures = sorted(results.glob("*.json"))
    for old in (*out.glob(f"{KEPT}.*"), *(out / file.name for file in figures)):
        old.unlink(missing_ok=True)
    texts = sorted(results.glob("*.txt"), key=lambda path: path.stat().st_mtime)
    (out / "report.md").write_text("\n\n".join(f"## {path.stem}\n\n{path.read_text()}" for path in texts))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        trained = sorted((root / "runs").glob("*/*"), key=lambda path: path.name.startswith("state"))
        for path in (results, *sorted((root / "compare").glob("*/*.json")), *trained):
            tar.add(path, path.relative_to(root))
    whole = buffer.getvalue()
    for index, start in enumerate(range(0, len(whole), PART_BYTES)):
        (out / f"{KEPT}.{index:03d}").write_bytes(whole[start : start + PART_BYTES])
    for file in figures[: max(FILES - len(list(out.iterdir())), 0)]:
        shutil.copy(file, out / file.name)


def restore(carried: Path, root: Path) -> None:
    """On a fresh machine, go on from what ``collect`` wrote on another."""
    parts = sorted(carried.glob(f"{KEPT}.*"))
    if parts and not any((root / "results").iterdir()):
        with tarfile.open(fileobj=io.BytesIO(b"".join(part.read_bytes() for part in parts))) as tar:
            tar.extractall(root, filter="data")
