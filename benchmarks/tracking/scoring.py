"""Scores of one tracker on one sequence."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from benchmarks.tracking.sequences import Sequence

NEAR = 3.0  # pixels between a target that was found and a true one, as in model/scoring
MEMORY = 4  # frames that ``rrcanet detect --track`` holds back


@dataclass(frozen=True, slots=True)
class Given:
    """What a tracker says of one target: the id of its track, and whether that is confirmed or static."""

    id: int
    confirmed: bool
    static: bool = False


@dataclass(slots=True)
class Counts:
    """What is counted over the frames of sequences."""

    frames: int = 0
    truths: int = 0
    found: int = 0
    false: int = 0
    found_confirmed: int = 0
    false_confirmed: int = 0
    found_later: int = 0
    false_later: int = 0
    found_moving: int = 0
    false_moving: int = 0
    switches: int = 0

    def add(self, other: "Counts") -> None:
        """Sum both."""
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))


def score(sequence: Sequence, tracks: list[list[Given]]) -> Counts:
    """Count hits and false alarms of single frames, of confirmed tracks at once and after ``MEMORY`` frames."""
    counts, last = Counts(frames=len(sequence.found)), dict[int, int]()
    for frame, given in enumerate(tracks):
        pairs = _pairs(sequence, frame)
        late = {one.id for later in tracks[frame : frame + MEMORY + 1] for one in later if one.confirmed}
        counts.truths += len(sequence.truths[frame])
        _tally(counts, "", given, pairs, lambda _: True)
        _tally(counts, "_confirmed", given, pairs, lambda one: one.confirmed)
        _tally(counts, "_later", given, pairs, lambda one, late=late: one.id in late)  # type: ignore[misc]
        _tally(
            counts,
            "_moving",
            given,
            pairs,
            lambda one, late=late: one.id in late and not one.static,  # type: ignore[misc]
        )
        for target, truth in pairs.items():
            counts.switches += last.get(truth, given[target].id) != given[target].id
            last[truth] = given[target].id
    return counts


def _tally(
    counts: Counts, kind: str, given: list[Given], pairs: dict[int, int], counts_one: Callable[[Given], bool]
) -> None:
    kept = [index for index, one in enumerate(given) if counts_one(one)]
    hits = sum(index in pairs for index in kept)
    setattr(counts, f"found{kind}", getattr(counts, f"found{kind}") + hits)
    setattr(counts, f"false{kind}", getattr(counts, f"false{kind}") + len(kept) - hits)


def _pairs(sequence: Sequence, frame: int) -> dict[int, int]:
    """The true id for each found target that has one within ``NEAR``, by the index of the target."""
    found, truths = sequence.found[frame], sequence.truths[frame]
    if not found or not truths:
        return {}
    distance = cdist([target.centroid for target in found], [(truth.x, truth.y) for truth in truths])
    rows, columns = linear_sum_assignment(np.minimum(distance, 2 * NEAR))
    return {
        int(row): truths[column].id for row, column in zip(rows, columns, strict=True) if distance[row, column] <= NEAR
    }
