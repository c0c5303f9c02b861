"""``rrcanet evaluate`` as it is called, and what its table says."""

from pathlib import Path

from click.testing import CliRunner, Result

from export.commands.evaluate import evaluate_command


def evaluate(model: object, data: Path, *options: str) -> Result:
    return CliRunner().invoke(evaluate_command, [str(model), "--data", str(data), *options])


def row(result: Result) -> dict[str, str]:
    """The table's only row, by column."""
    assert result.exit_code == 0, result.output
    head, _, cells = (line.strip("| ").split(" | ") for line in result.output.splitlines() if line.startswith("|"))
    return dict(zip(head, cells, strict=True))
