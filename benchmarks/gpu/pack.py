"""Makes ``.gpu/`` here, for calls on a GPU machine without a network, and prints what each call carries.

python -m benchmarks.gpu.pack DATASETS
"""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from benchmarks.gpu.parcels import MANIFEST, PARTS, write_parcel
from benchmarks.gpu.steps import DATA_SETS, WEIGHTS

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
COMMAND: Final = "python3 -m benchmarks.gpu"


@click.command()
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--wheels", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Downloaded before.")
def main(data: Path, wheels: Path | None) -> None:
    """Pack models, packages and the data sets of the folder DATA, in the order in which the steps need them."""
    shutil.rmtree(PARTS.parent, ignore_errors=True)
    PARTS.mkdir(parents=True)
    models, site = PARTS.parent / "models", PARTS.parent / "site"
    export_models(models)
    unpack_wheels(wheels or download_wheels(PARTS.parent / "wheels"), site)
    parcels = {
        "models": write_parcel("models", models, PARTS),
        "site": write_parcel("site", site, PARTS, compress=True),
    }
    for name in DATA_SETS:
        parcels[name] = write_parcel(name, data / name, PARTS)
    MANIFEST.write_text(json.dumps(parcels) + "\n")
    click.echo("\n".join(calls(parcels)))


def export_models(folder: Path) -> None:
    """The weights that ship, in both precisions."""
    folder.mkdir()
    for precision in ("fp32", "fp16"):
        arguments = [str(WEIGHTS), "-o", str(folder / f"{precision}.onnx"), "--precision", precision]
        code = "from export.export_command import export_command as run; run()"
        subprocess.run([sys.executable, "-c", code, *arguments], check=True)


def download_wheels(folder: Path) -> Path:
    """Of the packages that the machine lacks, without what they need: that is there."""
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", "download", "-d", str(folder)]
    which = ["--no-deps", "--only-binary=:all:", "--python-version", PYTHON, *platforms]
    subprocess.run([*pip, *which, *PACKAGES], check=True)
    return folder


def unpack_wheels(wheels: Path, site: Path) -> None:
    """A folder for the path, in place of an installation."""
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)


def calls(parcels: dict[str, int]) -> Iterator[str]:
    """What to carry in each call, two parts at a time; the command is always the same."""
    parts = [str(PARTS / f"{name}.{index:03d}") for name, number in parcels.items() for index in range(number)]
    for number, first in enumerate(range(0, len(parts), 2), 1):
        pair = parts[first : first + 2]
        yield f"call {number}: carry {', '.join((str(MANIFEST), *pair))}: {COMMAND}"
    yield f"then, until it says that all is done: carry {MANIFEST}: {COMMAND}"


if __name__ == "__main__":
    main()
