"""The shell and Python blocks of README and docs, and the comments above them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.paths import DOCS, ROOT

PAGES: Final = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
BLOCK: Final = re.compile(
    r"(?:^<!-- (?P<comment>[^>]*) -->\n)?^```(?P<language>sh|python)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
NOT_RUN, RUN_BY = "not run: ", "run by: "


@dataclass(frozen=True, slots=True)
class Block:
    """One block.

    Attributes:
        page: the file.
        line: where it begins.
        language: ``sh`` or ``python``.
        text: the commands.
        comment: the text of the HTML comment right above it; empty if there is none.
    """

    page: Path
    line: int
    language: str
    text: str
    comment: str

    @property
    def is_run(self) -> bool:
        """Whether nothing above it says otherwise."""
        return not self.comment.startswith((NOT_RUN, RUN_BY))

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[Block]:
    """Every block of a page, in order."""
    text = page.read_text()
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(page, line, found["language"], found["text"], found["comment"] or "")
