"""Renders the sections of a report as one self-contained HTML file and as Markdown."""

import base64
from dataclasses import dataclass
from html import escape
from typing import Final

from export.report.table import Table

STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1b1b; max-width: 80rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 13px; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #d0d0d0; padding: .25rem .6rem; text-align: right; white-space: nowrap; }
th { background: #f3f3f3; } th:first-child, td:first-child { text-align: left; }
figure { margin: 1rem 0; } figcaption { font-size: 13px; margin-top: .3rem; } img { max-width: 100%; }
.plots { display: flex; flex-wrap: wrap; gap: 1rem; } .plots figure { margin: 0; }
svg { max-width: 100%; height: auto; }
"""
# with this policy the browser loads nothing from outside the page
POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG and its caption."""

    png: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a report. ``plots`` are ``svg`` elements. The Markdown version omits plots and pictures."""

    title: str
    text: str = ""
    plots: tuple[str, ...] = ()
    table: Table | None = None
    pictures: tuple[Picture, ...] = ()


def as_html(title: str, sections: list[Section]) -> str:
    """The whole report as an HTML page."""
    body = "\n".join(_section(section) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{body}
</body>
</html>
"""


def as_markdown(title: str, sections: list[Section]) -> str:
    """The texts and tables of the report in Markdown."""
    parts = [f"# {title}", "Plots and pictures: [index.html](index.html)"]
    for section in sections:
        parts.append(f"## {section.title}")
        parts += [section.text] if section.text else []
        parts += [section.table.markdown()] if section.table else []
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    parts = [f"<h2>{escape(section.title)}</h2>"]
    parts += [f"<p>{escape(section.text)}</p>"] if section.text else []
    if section.plots:
        figures = "\n".join(f"<figure>{svg}</figure>" for svg in section.plots)
        parts.append(f'<div class="plots">\n{figures}\n</div>')
    parts += [section.table.html()] if section.table else []
    parts += [_picture(picture) for picture in section.pictures]
    return "<section>\n" + "\n".join(parts) + "\n</section>"


def _picture(picture: Picture) -> str:
    data, caption = base64.b64encode(picture.png).decode(), escape(picture.caption)
    image = f'<img alt="{caption}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
