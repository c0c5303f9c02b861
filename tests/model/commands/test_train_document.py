"""docs/reference/recipes.md: every field of a recipe with its default, and a recipe that is one."""

import re
import tomllib

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from model.recipe import Augmentation, Network, Optimisation, Recipe, shipped_recipes
from tests.support.markdown import read_document

TEXT = read_document("reference/recipes.md")
TABLES: dict[str, type[BaseModel]] = {
    "top level": Recipe,
    "`[network]`": Network,
    "`[augmentation]`": Augmentation,
    "`[optimisation]`": Optimisation,
}


def default(field: FieldInfo) -> str:
    """As the document writes it."""
    if field.is_required():
        return "required"
    if isinstance(field.default, BaseModel):
        return "its defaults"
    if isinstance(field.default, tuple):
        return f"[{', '.join(map(str, field.default))}]"
    return "none" if field.default is None else str(field.default)


@pytest.mark.parametrize("table", TABLES)
def test_every_field_stands_there_with_its_default(table: str) -> None:
    rows = [line.strip("| ").split(" | ") for line in TEXT.splitlines() if line.startswith(f"| {table} |")]
    fields = TABLES[table].model_fields
    assert {row[1].strip("`"): row[2] for row in rows} == {name: default(field) for name, field in fields.items()}


@pytest.mark.parametrize("page", ["reference/recipes.md", "tutorials/your-own-data.md"])
def test_the_recipe_shown_is_one(page: str) -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```$", read_document(page), re.DOTALL | re.MULTILINE)
    assert Recipe.model_validate(tomllib.loads(shown)).start == "generalist-long"


def test_recipes_that_ship_are_named() -> None:
    section = TEXT.partition("## Recipes that ship\n")[2].partition("\n## ")[0]
    named = [name for line in section.splitlines() for name in re.findall(r"`([^`]+)`", line.partition(" | ")[0])]
    assert sorted(name for name in named if name != "model/recipes") == shipped_recipes()
