"""``docs/reference/cli.md`` against every command, and the commands in the examples of all pages."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from service.cli import main
from service.pretrained import DEFAULT
from tests.support.markdown import names_in, read_document, read_table
from tests.support.paths import DOCS, ROOT

PAGE = read_document("reference/cli.md")
CONTEXT = click.Context(main)
COMMANDS = main.list_commands(CONTEXT)
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def section_of(command: str) -> str:
    """What the page says under the heading of a command."""
    _, found, rest = PAGE.partition(f"\n## rrcanet {command}\n")
    assert found
    return re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def options_of(command: str) -> list[click.Option]:
    loaded = main.get_command(CONTEXT, command)
    assert loaded is not None
    return [one for one in loaded.params if isinstance(one, click.Option)]


def default_of(option: click.Option) -> str:
    """As the page writes it."""
    if option.required:
        return "required"
    if option.is_flag:
        return "off"
    default = option.get_default(CONTEXT)
    if default == DEFAULT:
        return "the shipped model"
    return str(default) if isinstance(default, str | int | float) else "none"  # click has a mark of its own for none


def test_the_page_has_every_command() -> None:
    rows = read_table(PAGE, "command", "what it does", "needs")
    assert sorted(names_in(row["command"])[0] for row in rows) == [f"rrcanet {name}" for name in COMMANDS]
    assert re.findall(r"^## rrcanet ([\w-]+)$", PAGE, re.MULTILINE) == [
        names_in(row["command"])[0].removeprefix("rrcanet ") for row in rows
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_has_every_option_with_its_default(command: str) -> None:
    options = options_of(command)
    rows = read_table(section_of(command), "option", "default", "meaning") if options else []
    shown = {names_in(row["option"])[0]: row["default"] for row in rows}
    assert shown == {option.opts[-1]: default_of(option) for option in options}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_example_of_the_help_is_on_the_page(command: str) -> None:
    loaded = main.get_command(CONTEXT, command)
    assert loaded is not None
    assert loaded.epilog is not None
    example = loaded.epilog.removeprefix("Example: ")
    assert f"```sh\n{example}\n" in section_of(command)


def commands_in(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every ``rrcanet COMMAND`` in the shell examples of a page, with its options."""
    for example in re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE):
        for command, rest in re.findall(r"\brrcanet ([a-z][\w-]*)([^\n|>]*)", example.replace("\\\n", " ")):
            yield command, [word for word in shlex.split(rest, comments=True) if re.match(r"--?[a-z]", word)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_examples_exist_with_their_options(page: Path) -> None:
    for command, used in commands_in(page):
        assert command in COMMANDS
        assert set(used) <= {name for option in options_of(command) for name in option.opts}, command


def test_examples_of_commands_are_found() -> None:
    found = {command for page in PAGES for command, _ in commands_in(page)}
    assert found == {*COMMANDS}
