"""Tables, variants and verdicts of what was measured so far: needs the file alone, no GPU.

python -m benchmarks.gpu.tables .gpu/results/performance.json
"""

import json
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.gpu.speeds import Speed, main_table, read_speed, variants_table, verdicts


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(files: tuple[Path, ...]) -> None:
    """Print what the FILES of benchmarks.gpu.performance hold, one a card."""
    for file in files:
        found = json.loads(file.read_text())
        about = f"{found['on']}, {found['machine']}"
        click.echo(tables(about, [read_speed(entry) for entry in found["speeds"]]) + "\n")


def tables(about: str, speeds: Sequence[Speed]) -> str:
    """For docs/development/benchmarks.md, below what they were measured on."""
    parts = (about, main_table(speeds), variants_table(speeds), "\n".join(verdicts(speeds)))
    return "\n\n".join(part for part in parts if part)


if __name__ == "__main__":
    main()
