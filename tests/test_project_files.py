"""Files for contributors and for GitHub: they parse, and every command and file that they name exists."""

import json
import re
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
import yaml  # type: ignore[import-untyped]

from tests.support.paths import ROOT

GITHUB: Final = ROOT / ".github"
CITATION: Final = ROOT / "CITATION.cff"
PAGES: Final = [
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "docs/development/releasing.md")),
    *sorted(GITHUB.rglob("*.md")),
]
TARGETS: Final = set(re.findall(r"^([\w./-]+):(?!=)", (ROOT / "Makefile").read_text(), re.MULTILINE))
ROOTS: Final = {path.name for path in ROOT.iterdir()}  # what a path in a page may begin with
PROGRAMS: Final = Path(sys.executable).parent
MADE: Final = re.compile(r"\.venv|dist/")  # not in the repository


def read_yaml(path: Path) -> dict[Any, Any]:
    content = yaml.safe_load(path.read_text())
    assert isinstance(content, dict)
    return content


def code_in(page: Path) -> list[str]:
    """Everything that a page sets as code: blocks line by line, then spans."""
    text = page.read_text()
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()] + spans


def paths_in(code: str) -> list[str]:
    """Paths of the repository in a piece of code: words with a slash, or with the ending of a file."""
    words = [word.strip("(),") for word in code.split()]
    return [
        word
        for word in words
        if word.split("/")[0] in ROOTS
        and ("/" in word or "." in word[1:])
        and not MADE.match(word)
        and "NAME" not in word
    ]


def made_by(code: str) -> list[str]:
    """The targets of a call of make, without its variables."""
    program, *arguments = code.split()
    return [one for one in arguments if "=" not in one] if program == "make" else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    named = [ROOT / path for code in code_in(page) for path in paths_in(code)]
    named += [page.parent / link for link in links]
    assert [str(path) for path in named if not any(path.parent.glob(path.name or "*"))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_targets_that_make_has(page: Path) -> None:
    targets = [target for code in code_in(page) if code for target in made_by(code)]
    assert set(targets) <= TARGETS


def test_pages_name_files_and_targets() -> None:
    text = [code for page in PAGES for code in code_in(page) if code]
    assert sum(len(paths_in(code)) for code in text) > 40
    assert {target for code in text for target in made_by(code)} >= {"check", "test", "lock"}


def test_the_citation_is_complete() -> None:
    citation = read_yaml(CITATION)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    paper = citation["preferred-citation"]

    assert citation["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= citation.keys()
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert {"type", "title", "authors", "journal", "year", "doi"} <= paper.keys()
    assert all(author.keys() >= {"family-names", "given-names"} for author in paper["authors"])


def test_the_workflow_runs_the_entry_point_on_every_supported_python() -> None:
    workflow = read_yaml(GITHUB / "workflows" / "ci.yml")
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=")

    assert workflow[True].keys() == {"push", "pull_request"}  # YAML 1.1 reads the key "on" as true
    assert workflow["permissions"] == {"contents": "read"}
    assert [command.split()[-1] for command in commands] == [".ci/run"]
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
    assert job["strategy"]["matrix"]["python"][0] == oldest
    assert "${{ matrix.python }}" in job["container"]


@pytest.mark.parametrize("form", sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda form: form.stem)
def test_an_issue_form_asks_named_questions(form: Path) -> None:
    content = read_yaml(form)
    questions = [part for part in content["body"] if part["type"] != "markdown"]

    assert {"name", "description", "body"} <= content.keys()
    assert len({question["id"] for question in questions}) == len(questions) > 0
    assert all(question["attributes"]["label"] for question in questions)


def test_hooks_run_programs_of_the_development_environment() -> None:
    (repository,) = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"]
    programs = [hook["entry"].split()[0] for hook in repository["hooks"]]

    assert repository["repo"] == "local"
    assert all(program.startswith(".venv-dev/bin/") for program in programs)
    assert all((PROGRAMS / Path(program).name).exists() for program in programs)


def test_hooks_run_what_make_check_runs() -> None:
    recipe = (ROOT / "Makefile").read_text().split("\ncheck:", 1)[1].split("\n\n", 1)[0]
    checked = re.findall(r"\.venv-dev/bin/(\S+)", recipe)
    hooks = read_yaml(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]

    assert [Path(hook["entry"].split()[0]).name for hook in hooks] == checked


def test_the_development_container_makes_its_environment() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())

    assert set(made_by(container["postCreateCommand"])) <= TARGETS
    assert made_by(container["postCreateCommand"])
    assert ".venv-dev/bin/python" in container["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
