"""Makes ``.gpu/`` here, for calls on a GPU machine without a network, and prints the calls of the first session.

python -m benchmarks.gpu.pack DATASETS
"""

import json
import shutil
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path
from typing import Final

import click

from benchmarks.gpu.calls import FIRST_SESSION, carried_results, session, sizes
from benchmarks.gpu.parcels import MANIFEST, PARTS, write_parcel
from benchmarks.gpu.steps import DATA_SETS, SPLITS, WEIGHTS
from model.data.dataset import FrameFolder
from model.data.layouts import all_lists, find_layout, frame_files

PYTHON: Final = "3.12"  # of the machine; its image has torch, onnx, numpy, scipy, pillow and tqdm
PACKAGES: Final = (
    "onnxruntime-gpu==1.31.1",
    "click==8.5.1",  # there too, but perhaps before 8.4, whose ParamType takes no subscript
    "typing-extensions==4.16.0",  # there too, but pydantic needs this one
    "pydantic==2.14.3",
    "pydantic-core==2.50.4",
    "annotated-types==0.8.0",
    "typing-inspection==0.4.5",
    "pydantic-settings==2.16.3",
    "python-dotenv==1.2.4",
    "safetensors==0.8.0",
    "prometheus-client==0.26.0",
)
PLATFORMS: Final = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux2014_x86_64")


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--wheels", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Downloaded before.")
def main(data: Path, wheels: Path | None) -> None:
    """Pack models, packages and the data sets of the folder DATA. What came back, in ``.gpu/results``, stays."""
    home = PARTS.parent
    models, site, ort = (home / name for name in ("models", "site", "ort"))
    for folder in (models, site, ort, PARTS):
        shutil.rmtree(folder, ignore_errors=True)
    PARTS.mkdir(parents=True)
    export_models(models)
    unpack_wheels(wheels or download_wheels(home / "wheels"), site, ort)
    parcels = {
        "models": write_parcel("models", {"models": models}, PARTS),
        "site": write_parcel("site", {"site": site}, PARTS, compress=True),
        "ort": write_parcel("ort", {"ort": ort}, PARTS, compress=True),
    }
    for name, split in product(DATA_SETS, SPLITS):
        parcels[f"{name}-{split}"] = write_parcel(f"{name}-{split}", files_of(data / name, split), PARTS)
    MANIFEST.write_text(json.dumps(parcels) + "\n")
    click.echo("\n".join(session(sizes(parcels, FIRST_SESSION), carried_results())))


def export_models(folder: Path) -> None:
    """The weights that ship, in both precisions."""
    folder.mkdir()
    for precision in ("fp32", "fp16"):
        arguments = [str(WEIGHTS), "-o", str(folder / f"{precision}.onnx"), "--precision", precision]
        code = "from export.commands.export import export_command as run; run()"
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def download_wheels(folder: Path) -> Path:
    """Of the packages that the machine lacks, without what they need: that is there. What lay there goes."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "download", "-d", str(folder)]
    which = ["--no-deps", "--only-binary=:all:", "--python-version", PYTHON, *platforms]
    subprocess.run([*pip, *which, *PACKAGES], check=True)
    return folder


def unpack_wheels(wheels: Path, site: Path, ort: Path) -> None:
    """Folders for the path, in place of an installation: ONNX Runtime's own, as it is nearly all of the bytes."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(ort if wheel.name.startswith("onnxruntime") else site)


def files_of(root: Path, split: str) -> dict[str, Path]:
    """Frames and masks of a split, under the names that they have there, with every list of names.

    Raises:
        DataError: what is missing or wrong.
    """
    wanted, layout = set(FrameFolder(root, split).names), find_layout(root)
    assert layout is not None
    folders = [frame_files(root / folder) for folder in (layout.images, layout.masks)]
    found = [path for files in folders for name, paths in files.items() if name in wanted for path in paths]
    lists = [root / name for name in all_lists(root)]
    return {f"{root.name}/{path.relative_to(root).as_posix()}": path for path in (*lists, *found)}


if __name__ == "__main__":
    main()
