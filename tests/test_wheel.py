"""What a wheel holds beside code: all that the packages read of their own folders."""

import tomllib

import pytest

from tests.support.paths import ROOT

SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = [pattern.removesuffix("*") for pattern in SETUPTOOLS["packages"]["find"]["include"]]
CODE = {".py", ".pyc"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_has_every_file_of_a_package(package: str) -> None:
    folder = ROOT / package
    patterns = SETUPTOOLS["package-data"]["*"] + SETUPTOOLS["package-data"].get(package, [])
    packed = {path for pattern in patterns for path in folder.glob(pattern)}
    there = {path for path in folder.rglob("[!.]*") if path.is_file() and path.suffix not in CODE}
    assert there == packed


@pytest.mark.parametrize("package", PACKAGES)
def test_a_type_checker_reads_the_annotations_of_a_package(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
    assert "py.typed" in SETUPTOOLS["package-data"]["*"]
