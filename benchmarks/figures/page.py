"""Figures on a page of the docs, between two comments; a command writes them."""

import re
from pathlib import Path
from typing import Final

END: Final = "<!-- end of the figures -->"


def write_figures(page: Path, command: str, figures: str) -> None:
    """Replace what stands between the comments; the first one names the command."""
    begin = _begin(command)
    text = re.sub(
        f"{re.escape(begin)}.*{END}", lambda _: f"{begin}\n\n{figures}\n\n{END}", page.read_text(), flags=re.DOTALL
    )
    page.write_text(text)


def read_figures(page: Path, command: str) -> str:
    """What stands between the comments."""
    return page.read_text().partition(_begin(command))[2].partition(END)[0].strip()


def _begin(command: str) -> str:
    return f"<!-- figures: written by {command} -->"
