"""The figures of ``docs/development/peers.md``, which stand between two comments; a command writes them."""

from collections.abc import Iterator
from typing import Any, Final

from benchmarks.peers.loads import INPUTS
from benchmarks.peers.report import tables
from benchmarks.peers.report.plots import GOODPUT, LATENCY
from benchmarks.peers.runs import Results
from benchmarks.serving.machine import in_words

COMMAND: Final = "make bench"
NO_FIGURES: Final = "No figures yet."


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
        f"{in_words(machine)}, {about['date']}. Model `{machine['model']['name']}@{machine['model']['version']}`, "
        f"SHA-256 `{machine['model']['sha256'][:12]}`. Rounds: {options['rounds']} ({options['large_rounds']} with the "
        f"large frames). Seconds of a load: {options['seconds']:g}."
    )


def _disturbed(results: Results) -> str:
    number = sum(run.disturbed for run in results.runs)
    return (
        f"Other programs took more than {results.about['options']['most_others']:.0%} of the server's core in {number} "
        f"of {len(results.runs)} runs. A figure with `{tables.DISTURBED}` has such a run among its rounds."
    )
