"""Tables in Markdown and HTML."""

import math
from dataclasses import dataclass
from html import escape


def shown(value: float, places: int = 2) -> str:
    """So many decimals; a dash for NaN, a score that is not defined."""
    return "-" if math.isnan(value) else f"{value:.{places}f}"


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as text; every row is as long as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """Pipes within cells are escaped."""
        lines = (self.head, ("---",) * len(self.head), *self.rows)
        return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)

    def html(self) -> str:
        """One ``table`` element."""
        head = "".join(f"<th>{escape(cell)}</th>" for cell in self.head)
        rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in self.rows)
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
