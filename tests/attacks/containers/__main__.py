"""Structure-aware fuzzing: hostile containers of every format, decoded in a process of their own.

``python -m tests.attacks.containers``, or ``make fuzz``. The exit code is 1 if a container takes more than 2 s of a
thread or 256 MB beyond its pixels, raises an exception that is no fault of a frame, or ends the process, and if
memory is kept.
"""

from dataclasses import asdict
from pathlib import Path

import click

from benchmarks.serving.report import json_option, keep, show
from tests.attacks.containers.forms import FORMS
from tests.attacks.containers.measure import Fuzzed, fuzz

HEAD = ("format", "containers", "frames", "faults", "slowest ms", "largest MB beyond its pixels", "MB early", "MB late")


@click.command(epilog="Example: python -m tests.attacks.containers --form tiff --count 1000")
@click.option("--form", "forms", multiple=True, type=click.Choice(list(FORMS)), help="All by default.")
@click.option("--count", default=20_000, show_default=True, help="Containers of each format.")
@click.option("--first", default=0, show_default=True, help="Seed of the first.")
@json_option
def main(forms: tuple[str, ...], count: int, first: int, json_file: Path | None) -> None:
    """Decode hostile containers, and print a table."""
    done: list[Fuzzed] = []
    for form in forms or FORMS:
        done.append(fuzz(form, range(first, first + count)))
        click.echo(f"{form}: {done[-1].count}")
        keep(json_file, {"count": count, "first": first}, {"formats": {one.form: asdict(one) for one in done}})
    show(HEAD, [one.row() for one in done])
    failed = [one for one in done if one.failed]
    if failed:
        told = [f"{one.form}: memory has grown" for one in failed if one.has_grown]
        told += [f"{one.form}, {cost}" for one in failed for cost in one.costly]
        raise SystemExit("\n".join(["", *told, *(fault for one in failed for fault in one.faults)]))


if __name__ == "__main__":
    main()
