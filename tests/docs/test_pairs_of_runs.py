"""The page of pairs of runs: every change that it lists makes a valid recipe."""

import tomllib
from typing import Any

import pytest

from model.recipe import Recipe
from tests.support.markdown import names_in, read_document, read_table
from tests.support.paths import ROOT

PAGE = read_document("development/pairs-of-runs.md")


def base(name: str) -> dict[str, Any]:
    return tomllib.loads((ROOT / "benchmarks" / "accuracy" / f"{name}.toml").read_text())


def merged(recipe: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    both = {name: merged(recipe.get(name, {}), one) for name, one in change.items() if isinstance(one, dict)}
    return recipe | change | both


def changes() -> list[tuple[str, str, list[str]]]:
    """Recipe, name of the run, and the lines that its row adds."""
    tables = {
        name: read_table(PAGE, column, "what it changes") for name, column in (("pair", "run"), ("width", "width"))
    }
    return [
        (name, next(iter(row.values())), names_in(row["what it changes"]))
        for name, rows in tables.items()
        for row in rows
    ]


@pytest.mark.parametrize(("recipe", "run", "lines"), changes())
def test_every_run_is_a_recipe(recipe: str, run: str, lines: list[str]) -> None:
    changed = Recipe.model_validate(merged(base(recipe), tomllib.loads("\n".join(lines))))
    assert (changed != Recipe.model_validate(base(recipe))) == bool(lines), run
