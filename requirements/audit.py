"""Look the pins up among known vulnerabilities: ``make audit``, or offline ``make audit ADVISORIES=all.zip``.

Without ``--advisories``, pip-audit asks PyPI. With it, the file is a copy of the advisories for PyPI as OSV exports
them: a ZIP archive with one JSON file for each advisory (https://ossf.github.io/osv-schema/).

Exit codes: 0: no pin has a known vulnerability. 1: at least one has. 3: the pins could not be checked.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

FOUND, NOT_CHECKED = 1, 3
PIN: Final = re.compile(r"^([\w.\-]+)==([^\s;\\]+)", re.MULTILINE)
ONLINE: Final = ("--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json")


class Pin(NamedTuple):
    """A package, by its canonical name, and its version."""

    name: str
    version: str


class NotCheckedError(Exception):
    """The pins could not be checked; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check files of pins, print what was found, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="files of pins")
    parser.add_argument("--advisories", type=Path, help="check offline, against this copy of the advisories")
    parser.add_argument("--sha256", help="refuse a copy with another hash")
    options = parser.parse_args(arguments)
    pins = sorted({pin for file in options.files for pin in read_pins(file.read_text())})
    try:
        if options.advisories is None:
            found = ask_pypi(options.files)
        else:
            advisories, described = read_advisories(options.advisories, options.sha256)
            sys.stdout.write(f"{described}\n")
            found = {pin: look_up(pin, advisories) for pin in pins}
    except NotCheckedError as fault:
        sys.stderr.write(f"NOT CHECKED: {fault}\n")
        return NOT_CHECKED
    bad = {pin: ids for pin, ids in found.items() if ids}
    for pin, ids in sorted(bad.items()):
        sys.stdout.write(f"{pin.name} {pin.version}: {', '.join(sorted(ids))}\n")
    sys.stdout.write(f"{len(bad)} of {len(pins)} packages have a known vulnerability\n")
    return FOUND if bad else 0


def read_pins(text: str) -> Iterator[Pin]:
    """The pins of a file that ``make lock`` writes."""
    for name, version in PIN.findall(text):
        yield Pin(canonicalize_name(name), version)


def ask_pypi(files: Iterable[Path]) -> dict[Pin, list[str]]:
    """What pip-audit finds.

    Raises:
        NotCheckedError: it could not reach PyPI, or not read its answer.
    """
    found: dict[Pin, list[str]] = {}
    for file in files:
        command = [sys.executable, "-m", "pip_audit", *ONLINE, "--requirement", str(file)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            packages = json.loads(result.stdout)["dependencies"]
        except (ValueError, KeyError):
            lines = result.stderr.strip().splitlines() or ["pip-audit gave no result"]
            raise NotCheckedError(f"pip-audit could not ask PyPI about {file}: {lines[-1]}") from None
        skipped = [package["name"] for package in packages if "version" not in package]
        if skipped:
            raise NotCheckedError(f"pip-audit skipped packages of {file}: {', '.join(skipped)}")
        for package in packages:
            pin = Pin(canonicalize_name(package["name"]), package["version"])
            found[pin] = [vulnerability["id"] for vulnerability in package["vulns"]]
    return found


def read_advisories(path: Path, sha256: str | None) -> tuple[dict[str, list[Mapping[str, Any]]], str]:
    """The advisories of each package, and one line that identifies the copy.

    Raises:
        NotCheckedError: the file cannot be read, or has another hash.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if sha256 not in (None, digest):
            raise NotCheckedError(f"{path} has the SHA-256 {digest}, not {sha256}")
        with zipfile.ZipFile(path) as archive:
            every = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    except (OSError, zipfile.BadZipFile, ValueError) as error:
        raise NotCheckedError(f"{path} cannot be read: {error}") from error
    if not every:
        raise NotCheckedError(f"{path} has no advisories")
    of_package: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for advisory in every:
        if "withdrawn" not in advisory:
            for name in {_package_of(affected) for affected in advisory.get("affected", ())} - {None}:
                of_package[str(name)].append(advisory)
    newest = max(str(advisory.get("modified", "")) for advisory in every)
    return of_package, f"{len(every)} advisories, the newest of {newest[:10]}, SHA-256 {digest}"


def look_up(pin: Pin, advisories: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """The ids of the advisories that affect a pin."""
    return [
        str(advisory["id"])
        for advisory in advisories.get(pin.name, ())
        if any(_affects(affected, pin) for affected in advisory["affected"])
    ]


def _package_of(affected: Mapping[str, Any]) -> str | None:
    package = affected.get("package", {})
    return canonicalize_name(package["name"]) if package.get("ecosystem") == "PyPI" else None


def _affects(affected: Mapping[str, Any], pin: Pin) -> bool:
    if _package_of(affected) != pin.name:
        return False
    ranges = [one for one in affected.get("ranges", ()) if one.get("type") == "ECOSYSTEM"]
    return pin.version in affected.get("versions", ()) or any(_is_in(one["events"], pin.version) for one in ranges)


def _is_in(events: Iterable[Mapping[str, str]], version: str) -> bool:
    """Whether a version lies in a range (OSV schema, "Evaluation")."""
    try:
        wanted = Version(version)
        steps = [(kind, Version(at)) for event in events for kind, at in event.items() if kind != "limit"]
    except InvalidVersion:
        return True  # it cannot be ruled out
    inside = False
    for kind, at in sorted(steps, key=lambda step: step[1]):
        if kind == "introduced" and wanted >= at:
            inside = True
        elif (kind == "fixed" and wanted >= at) or (kind == "last_affected" and wanted > at):
            inside = False
    return inside


if __name__ == "__main__":
    sys.exit(main())
