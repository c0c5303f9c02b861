"""What became of a step that is over, and under which code: mended code tries again."""

from pathlib import Path

from benchmarks.gpu.supervised import Outcome
from model.training.commit import commit


def mark(name: str, root: Path, outcome: Outcome) -> None:
    """Keep how a step ended."""
    _file(name, root).write_text(f"{outcome.value}\n{commit()}\n")


def outcome_of(name: str, root: Path) -> str | None:
    """How a step ended; None if this code did not run it to its end."""
    file = _file(name, root)
    outcome, code = file.read_text().splitlines() if file.exists() else ("", "")
    return outcome if code == commit() else None


def _file(name: str, root: Path) -> Path:
    return root / "results" / f"{name}.outcome"
