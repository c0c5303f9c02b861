"""Environments of what is compared: one folder in ``.venv-bench`` each, made from one short requirements file each."""

import json
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Final, Protocol

from tests.support.paths import ROOT

FOLDER: Final = ROOT / ".venv-bench"
REQUIREMENTS: Final = Path(__file__).parent / "requirements"
INSTALL: Final = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet")
WORK: Final = ("numpy", "onnxruntime", "pillow", "scipy")
WITHIN_S: Final = 900.0
VERSIONS: Final = """
import json, sys
from importlib.metadata import PackageNotFoundError, version

found = {}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Contender(Protocol):
    """Something that runs in an environment of its own.

    Attributes:
        environment: name of its requirements file and of the folder in ``.venv-bench``; None for this environment.
        package: whose version is reported.
        python: makes its environment.
    """

    @property
    def environment(self) -> str | None: ...
    @property
    def package(self) -> str: ...
    @property
    def python(self) -> str: ...


class NoEnvironment(Exception):
    """A contender cannot be installed here; the message says why."""


def python_of(contender: Contender) -> str:
    """The Python that runs it."""
    return contender.python if contender.environment is None else str(_folder(contender) / "bin" / "python")


def install(contender: Contender) -> None:
    """Make the environment, unless it is there and its requirements are those of today.

    Raises:
        NoEnvironment: Python, its venv module or a package is missing.
    """
    if contender.environment is None:
        return
    packages, installed = packages_of(contender.environment), _folder(contender) / "installed.txt"
    if installed.exists() and installed.read_text() == "\n".join(packages):
        return
    _run(contender.python, "-m", "venv", "--clear", str(_folder(contender)))
    _run(python_of(contender), *INSTALL, *packages)
    installed.write_text("\n".join(packages))


def packages_of(environment: str) -> list[str]:
    """Its requirements, and the packages that do the work, as they are here unless the file names others."""
    lines = (REQUIREMENTS / f"{environment}.txt").read_text().splitlines()
    own = [line.partition("#")[0].strip() for line in lines]
    return own + [
        f"{name}=={metadata.version(name)}" for name in WORK if not any(line.startswith(name) for line in own)
    ]


def versions(contender: Contender) -> dict[str, str]:
    """Versions of the packages that do the work, of those that are installed."""
    command = (python_of(contender), "-c", VERSIONS, contender.package, "numpy", "onnxruntime", "openvino")
    found: dict[str, str] = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    return found


def _folder(contender: Contender) -> Path:
    return FOLDER / str(contender.environment)


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=WITHIN_S)
    except FileNotFoundError:
        raise NoEnvironment(f"{command[0]} is missing") from None
    except subprocess.TimeoutExpired:
        raise NoEnvironment(f"not installed within {WITHIN_S:.0f} s") from None
    except subprocess.CalledProcessError as fault:
        raise NoEnvironment(_reason(fault.stderr)) from fault


def _reason(printed: str) -> str:
    """The last line that pip calls an error."""
    errors = [line.removeprefix("ERROR: ") for line in printed.splitlines() if line.startswith("ERROR: ")]
    return errors[-1] if errors else printed.strip().rpartition("\n")[2]
