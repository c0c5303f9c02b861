"""Pin every package of every install, with the hashes of its files: ``make lock``, or ``make lock UPGRADE=1``.

The ranges stand in ``pyproject.toml``. Pins that still fit them stay as they are, unless newer ones are asked for. One
file holds the pins for Python 3.11 and newer, on every machine.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "requirements"
COMMAND: Final = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]

# The index has torch for CUDA alone. PyTorch publishes the same release for the CPU elsewhere, without the libraries of
# CUDA, and uv does not look there. For a newer torch: pip hash FILE.
CPU_TORCH: Final = "2.13.0+cpu"
CPU_TORCH_HASHES: Final = (
    "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",  # CPython 3.11 on x86_64
)
TORCH: Final = re.compile(r"torch==|triton==|(nvidia|cuda)-")  # torch as the index has it, and what that requires
WRITTEN: Final = "# Written by `make lock` from the ranges in pyproject.toml.\n"


def main() -> None:
    """Write each file; those that follow take the versions of those before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uv", default="uv", help="the program that resolves")
    parser.add_argument("--upgrade", action="store_true", help="take the newest releases that the ranges allow")
    options = parser.parse_args()
    uv = [options.uv, *COMMAND, *(["--upgrade"] if options.upgrade else [])]

    _lock(uv, ["build.txt"], _group("build"))
    _lock(uv, ["lock.txt"], _group("lock"))
    _lock(uv, ["supply.txt"], _group("supply"))
    everything = [*_group("build"), *_group("docs"), *_group("test"), *_extras("train")]
    _lock(uv, ["dev.txt", "torch-cuda.txt"], [*everything, *_extras("cpu"), *_as("build.txt")])
    (FOLDER / "torch-cpu.txt").write_text(_cpu_torch())
    _lock(uv, ["dev-gpu.txt"], [*everything, *_extras("gpu"), *_as("dev.txt"), *_as("torch-cuda.txt")])
    _lock(uv, ["cpu.txt"], [*_extras("openvino"), *_as("dev.txt")])
    _lock(uv, ["gpu.txt"], [*_extras("gpu"), *_as("dev.txt")])
    _lock(uv, ["otel.txt"], [*_extras("server", "otel"), *_as("dev.txt")])
    _lock(uv, ["fits.txt"], [*_extras("server", "fits"), *_as("dev.txt")])
    _lock(uv, ["fiftyone.txt"], [*_group("fiftyone"), *_extras(), *_as("build.txt")])
    _lock(uv, ["radiometric.txt"], [*_extras("server", "radiometric"), *_as("dev.txt")])


def _group(name: str) -> list[str]:
    return ["--group", f"pyproject.toml:{name}"]


def _extras(*names: str) -> list[str]:
    return ["pyproject.toml", *(word for name in names for word in ("--extra", name))]


def _as(name: str) -> list[str]:
    return ["--constraint", f"requirements/{name}"]


def _lock(uv: list[str], names: list[str], inputs: list[str]) -> None:
    """Resolve ``inputs`` and write the pins into ``names``; a second name takes torch and CUDA."""
    sys.stdout.write(f"{' '.join(names)}\n")
    with tempfile.TemporaryDirectory() as folder:
        pins = Path(folder) / "pins.txt"  # uv keeps the versions that it finds there
        pins.write_text("".join((FOLDER / name).read_text() for name in names if (FOLDER / name).exists()))
        subprocess.run([*uv, "--no-header", "--output-file", str(pins), *inputs], cwd=ROOT, check=True)
        blocks = re.split(r"^(?=\S)", pins.read_text(), flags=re.MULTILINE)
    for name in names:
        chosen = [block for block in blocks if len(names) == 1 or bool(TORCH.match(block)) == (name != names[0])]
        (FOLDER / name).write_text(WRITTEN + "".join(chosen))


def _cpu_torch() -> str:
    """The pin of the CPU build, which must be of the same release as the one for CUDA."""
    release = CPU_TORCH.partition("+")[0]
    if f"torch=={release} " not in (FOLDER / "torch-cuda.txt").read_text():
        sys.exit(f"CPU_TORCH is {CPU_TORCH}, but the index has another release: change it and its hashes in {__file__}")
    return (
        WRITTEN
        + " \\\n    ".join([f"torch=={CPU_TORCH}", *(f"--hash=sha256:{one}" for one in CPU_TORCH_HASHES)])
        + "\n"
    )


if __name__ == "__main__":
    main()
