"""The figures of ``docs/development/peers.md``, which stand between two comments; a command writes them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.loads import INPUTS
from benchmarks.peers.report import tables
from benchmarks.peers.report.plots import GOODPUT, LATENCY
from benchmarks.peers.runs import Results

BEGIN: Final = "<!-- figures: written by make bench -->"
END: Final = "<!-- end of the figures -->"
NO_FIGURES: Final = "No figures yet."


def write_page(page: Path, figures: str) -> None:
    """Replace what stands between the comments."""
    text = page.read_text()
    page.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n\n{figures}\n\n{END}", text, flags=re.DOTALL))


def read_page(page: Path) -> str:
    """What stands between the comments."""
    return page.read_text().partition(BEGIN)[2].partition(END)[0].strip()


def render(results: Results, pictures: str) -> str:
    """The figures in Markdown; ``pictures`` is the folder of the pictures, as the page sees it."""
    return "\n\n".join(_blocks(results, pictures))


def _blocks(results: Results, pictures: str) -> Iterator[str]:
    yield _machine(results.about)
    yield f"### {INPUTS[0].name}"
    yield tables.summary(results).markdown()
    yield f"![Answers a second over the load]({pictures}/{GOODPUT})"
    yield f"![Latency over the load]({pictures}/{LATENCY})"
    if results.missing:
        yield tables.missing(results).markdown()
    yield _disturbed(results)
    for kind in INPUTS:
        yield f"### Every load: {kind.name}"
        for name, table in tables.loads(results, kind):
            yield f"**{name[0].upper()}{name[1:]}**"
            yield table.markdown()
    yield "### Versions"
    yield tables.versions(results).markdown()


def _machine(about: dict[str, Any]) -> str:
    machine, options = about["machine"], about["options"]
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, Python {machine['python']}, "
        f"{about['date']}. Model `{machine['model']['name']}@{machine['model']['version']}`, SHA-256 "
        f"`{machine['model']['sha256'][:12]}`. Rounds: {options['rounds']} ({options['large_rounds']} with the large "
        f"frames). Seconds of a load: {options['seconds']:g}."
    )


def _disturbed(results: Results) -> str:
    number = sum(run.disturbed for run in results.runs)
    return (
        f"Other programs took more than {results.about['options']['most_others']:.0%} of the server's core in {number} "
        f"of {len(results.runs)} runs. A figure with `{tables.DISTURBED}` has such a run among its rounds."
    )
