"""``make sbom`` and ``make audit``: every pin is listed, and looked up among known vulnerabilities."""

import hashlib
import importlib.util
import json
import re
import subprocess
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.paths import ROOT

INSTALLS = ("cpu", "gpu", "otel")


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "requirements" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    path = tmp_path / "pins.txt"
    path.write_text(
        "Pil_low==12.0.0 \\\n    --hash=sha256:0\nnumpy==2.3.1 ; python_version >= '3.11' \\\n    --hash=sha256:1\n"
    )
    return path


def advisory(number: int, name: str = "pil-low", **affected: Any) -> dict[str, Any]:
    package = {"package": {"ecosystem": "PyPI", "name": name}}
    return {"id": f"PYSEC-{number}", "modified": "2026-11-01T00:00:00Z", "affected": [package | affected]}


def between(**events: str) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": [{kind: at} for kind, at in events.items()]}]}


def copy_of(folder: Path, *advisories: dict[str, Any]) -> Path:
    path = folder / "all.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, one in enumerate(advisories):
            archive.writestr(f"{number}.json", json.dumps(one))
    return path


def test_pins_are_found_by_their_canonical_names(audit: ModuleType, pins: Path) -> None:
    assert list(audit.read_pins(pins.read_text())) == [("pil-low", "12.0.0"), ("numpy", "2.3.1")]


@pytest.mark.parametrize("name", [*INSTALLS, "dev", "supply"])
def test_every_pin_of_the_project_is_read(audit: ModuleType, name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    assert len(list(audit.read_pins(text))) == len(re.findall(r"^[^\s#-]\S*==", text, re.MULTILINE)) > 5


@pytest.mark.parametrize(
    ("affected", "hits"),
    [
        ({"versions": ["11.0.0", "12.0.0"]}, True),
        ({"versions": ["11.0.0"]}, False),
        (between(introduced="0"), True),
        (between(introduced="0", fixed="12.0.0"), False),
        (between(introduced="0", fixed="12.0.1"), True),
        (between(introduced="12.0.1"), False),
        (between(introduced="0", last_affected="12.0.0"), True),
        (between(introduced="0", last_affected="11.9"), False),
        (between(introduced="no version"), True),
    ],
)
def test_an_advisory_affects_the_versions_that_it_names(
    audit: ModuleType,
    pins: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    affected: dict[str, Any],
    hits: bool,
) -> None:
    path = copy_of(tmp_path, advisory(1, "other", versions=["12.0.0"]), advisory(2, **affected))
    assert audit.main(["--advisories", str(path), str(pins)]) == int(hits)
    shown = capsys.readouterr().out
    assert ("pil-low 12.0.0: PYSEC-2" in shown) is hits
    assert f"{int(hits)} of 2 packages have a known vulnerability" in shown
    assert f"2 advisories, the newest of 2026-11-01, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}" in shown


def test_an_advisory_that_was_withdrawn_does_not_count(audit: ModuleType, pins: Path, tmp_path: Path) -> None:
    path = copy_of(tmp_path, advisory(1, versions=["12.0.0"]) | {"withdrawn": "2026-11-02T00:00:00Z"})
    assert audit.main(["--advisories", str(path), str(pins)]) == 0


@pytest.mark.parametrize("fault", ["absent", "no archive", "empty", "other hash"])
def test_without_advisories_it_says_that_it_could_not_check(
    audit: ModuleType, pins: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    path = copy_of(tmp_path, *([] if fault == "empty" else [advisory(1)]))
    if fault == "absent":
        path.unlink()
    if fault == "no archive":
        path.write_text("not a ZIP archive")
    given = ["--sha256", "0" * 64] if fault == "other hash" else []
    assert audit.main(["--advisories", str(path), *given, str(pins)]) == 3
    shown = capsys.readouterr()
    assert shown.err.startswith("NOT CHECKED: ")
    assert "vulnerability" not in shown.out


def test_without_pip_audit_it_says_so_too(audit: ModuleType, pins: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main([str(pins)]) == 3, "pip-audit is not among the packages of tests"
    assert capsys.readouterr().err.startswith("NOT CHECKED: pip-audit could not ask PyPI about ")


def test_make_lists_and_checks_every_install() -> None:
    command = ["make", "-n", "-C", str(ROOT), "-o", ".venv-supply/installed", "sbom", "audit", "ADVISORIES=all.zip"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for name in INSTALLS:
        assert re.search(
            rf"cyclonedx-py requirements .*-o build/sbom/{name}\.json requirements/{name}\.txt", shown, re.S
        )
    (check,) = (line for line in shown.replace("\\\n", "").splitlines() if "audit.py" in line)
    assert check.split()[-5:] == ["--advisories", "all.zip", *(f"requirements/{name}.txt" for name in INSTALLS)]
