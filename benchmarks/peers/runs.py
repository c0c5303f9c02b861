"""What was measured: the figures of a run and of a start, kept in one JSON file after each of them."""

import collections
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.peers.generate import UNANSWERED
from benchmarks.peers.loads import Load
from benchmarks.serving.clients.arrivals import Outcome
from benchmarks.serving.report import median, quantile

REFUSALS: Final = ("429", "503")
SOON_S: Final = 0.5
OBJECTIVE_S: Final = 1.0  # LATENCY_OBJECTIVE_MS of the service
LATER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """One load on one server.

    Attributes:
        answers: correct ones a second that came while the load lasted.
        within_500_ms, within_1_s, within_2_s: correct answers a second so soon after their request was due.
        p50_ms, p99_ms: of the correct answers and of the requests that were given up, which count with their age.
        refused: answers of status 429 and 503.
        failed: every other status, wrong answers, and connections without an answer.
        unanswered: requests that were given up after the load.
        cpu_ms: of all processes of the server, for each correct answer.
        others: share of the server's core that other programs took.
        disturbed: ``others`` was too large, each time that this load was measured.
        fault: why there are no figures.
    """

    round: int
    contender: str
    input: str
    load: str
    answers: float = 0.0
    within_500_ms: float = 0.0
    within_1_s: float = 0.0
    within_2_s: float = 0.0
    p50_ms: float | None = None
    p99_ms: float | None = None
    sent: int = 0
    refused: int = 0
    failed: int = 0
    unanswered: int = 0
    cpu_ms: float | None = None
    behind_p99_ms: float | None = None
    others: float = 0.0
    disturbed: bool = False
    fault: str | None = None

    @property
    def key(self) -> tuple[int, str, str, str]:
        return self.round, self.contender, self.input, self.load


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a server.

    Attributes:
        ready_after_s: until the first answer to a frame.
        resident_mb: after the first answers; of all processes.
        idle: share of a core, without requests; None where it was not measured.
        end_mb: resident memory after the loads.
    """

    round: int
    contender: str
    input: str
    ready_after_s: float
    resident_mb: float
    idle: float | None
    end_mb: float
    disturbed: bool = False


def figures(outcomes: Sequence[Outcome], load: Load, seconds: float, cpu_s: float) -> dict[str, Any]:
    """The figures of a run whose answers of status 200 were all correct.

    A closed loop lasts until its last answer: a server that works on several frames at once answers in bursts.

    Args:
        seconds: within which requests were due.
        cpu_s: of the server, until its last answer.
    """
    good = [one for one in outcomes if one.result == "200"]
    began = min((one.due for one in outcomes), default=0.0)
    if load.clients:
        seconds = max([seconds, *(one.ended - began for one in outcomes)])
    waited = [one.ended - one.due for one in outcomes if one.result in ("200", UNANSWERED)]
    counts = collections.Counter(_kind(one.result) for one in outcomes)
    return {
        "answers": sum(one.ended <= began + seconds for one in good) / seconds,
        "within_500_ms": _soon(good, SOON_S) / seconds,
        "within_1_s": _soon(good, OBJECTIVE_S) / seconds,
        "within_2_s": _soon(good, LATER_S) / seconds,
        "p50_ms": _ms(median(waited)),
        "p99_ms": _ms(quantile(waited, 0.99)),
        "sent": len(outcomes),
        "refused": counts["refused"],
        "failed": counts["failed"],
        "unanswered": counts["unanswered"],
        "cpu_ms": 1e3 * cpu_s / len(good) if good else None,
        "behind_p99_ms": _ms(quantile([one.sent - one.due for one in outcomes], 0.99)),
    }


def _soon(good: Iterable[Outcome], seconds: float) -> int:
    return sum(one.ended - one.due <= seconds for one in good)


def _kind(result: str) -> str:
    if result == "200":
        return "good"
    if result in REFUSALS:
        return "refused"
    return "unanswered" if result == UNANSWERED else "failed"


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1e3 * seconds


@dataclass(slots=True)
class Results:
    """All that is known; ``about`` says of which machine, versions and options.

    Attributes:
        rates: of the bound, in answers a second, by the name of the input; Poisson arrivals are shares of them.
        missing: why a server has no figures.
    """

    about: dict[str, Any]
    rates: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    starts: list[Start] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)

    def save(self, file: Path) -> None:
        """Replace the file, in one step."""
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=1, allow_nan=False) + "\n")
        part.replace(file)

    def has(self, key: tuple[int, str, str, str]) -> bool:
        """Whether this load was measured already."""
        return any(run.key == key for run in self.runs)


def load_results(file: Path) -> Results:
    """What ``save`` wrote."""
    content = json.loads(file.read_text())
    starts = [Start(**start) for start in content.pop("starts")]
    return Results(**content | {"starts": starts, "runs": [Run(**run) for run in content["runs"]]})
