"""Tables of the documents, to be compared with the code."""

import re

from tests.support.paths import DOCS

CODE = re.compile(r"`([^`]*)`")
Row = dict[str, str]


def read_document(name: str) -> str:
    """The text of a document, by its path under ``docs/``."""
    return (DOCS / name).read_text(encoding="utf-8")


def read_table(document: str, *columns: str) -> list[Row]:
    """The rows of the only table with these columns, each cell by its column."""
    lines = document.splitlines()
    (head,) = (number for number, line in enumerate(lines) if _cells(line) == list(columns))
    rows = []
    for line in lines[head + 2 :]:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(columns, _cells(line), strict=True)))
    return rows


def names_in(cell: str) -> list[str]:
    """Everything that a cell sets as code."""
    return CODE.findall(cell)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
