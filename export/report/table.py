"""Tables in Markdown and HTML."""

import math
from dataclasses import dataclass
from html import escape


def format_score(value: float, places: int = 2) -> str:
    """``value`` with ``places`` decimals, or a dash if it is NaN: the score is not defined."""
    return "-" if math.isnan(value) else f"{value:.{places}f}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table of text cells. Every row has as many cells as ``head``."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """The table in Markdown. Pipes inside cells are escaped."""
        lines = (self.head, ("---",) * len(self.head), *self.rows)
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

    def html(self) -> str:
        """The table as one HTML ``table`` element."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.head)
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows)
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
