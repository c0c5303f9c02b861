"""A stranger finds any file: few files in a folder, and tests in the folder that mirrors the code."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.paths import ROOT

MOST_FILES = 14  # Python files beside each other
CODE = ("rrcanet", "service", "model", "export", "intensity", "distributed", "benchmarks")


def python_files(folder: str) -> list[Path]:
    """Paths relative to the repository."""
    return [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("folder", [*CODE, "tests"])
def test_no_folder_has_many_files(folder: str) -> None:
    counts = Counter(path.parent for path in python_files(folder))
    assert {place.as_posix(): count for place, count in counts.items() if count > MOST_FILES} == {}


@pytest.mark.parametrize("folder", CODE)
def test_tests_lie_in_the_folder_that_mirrors_the_code(folder: str) -> None:
    tested = {path.parent.relative_to("tests") for path in python_files(f"tests/{folder}")}
    assert sorted(place.as_posix() for place in tested if not (ROOT / place).is_dir()) == []
    assert tested
