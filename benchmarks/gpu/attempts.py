"""What is measured of a case, at once or one by one, and kept as it comes.

On the first try ways take turns, as many as the memory holds. What failed then, or went down with what failed, is tried
by a later run, each by itself, so that it can use up no try but its own.
"""

from collections.abc import Iterator
from typing import Final

from benchmarks.gpu.record import Record
from benchmarks.gpu.speeds import OURS, Case, Speed
from benchmarks.gpu.turns import Ways, at_once, give_back, groups, in_turns
from export.bench.floor import Floor

ENDED: Final = "the process ended before it was timed"


def measure_case(record: Record, case: Case, ways: Ways, floor: Floor, seconds: float, free: float) -> Iterator[None]:
    """Time what is missing of a case, beside ours if that was timed before; a turn at each group that was measured.

    Args:
        free: bytes of the device's memory.
    """
    for names in together(record, case, ways, at_once(free, *case)):
        measure_group(record, case, {how: ways[how] for how in names}, floor, seconds)
        yield


def together(record: Record, case: Case, ways: Ways, number: int) -> Iterator[list[str]]:
    """Groups of what is missing: new ways ``number`` at once, others one by one."""
    missing = record.missing(case, ways)
    beside = [how for how in timed(record, case) if how == OURS]
    new = [how for how, tries in missing.items() if not tries]
    if new:
        yield from groups([*beside, *new], number)
    yield from ([how] for how, tries in missing.items() if tries)


def measure_group(record: Record, case: Case, ways: Ways, floor: Floor, seconds: float) -> None:
    """Time ways in turns; every try counts, also one that is stopped."""
    precision, shape = case
    missing = record.missing(case, ways)
    begun = {how: tries + 1 for how, tries in missing.items() if not tries or len(ways) == 1}
    if not begun:
        return
    chosen = {how: way for how, way in ways.items() if how in {*begun, *timed(record, case)}}
    record.put(Speed(how, precision, shape, None, ENDED, floor, tries) for how, tries in begun.items())
    turns = in_turns(chosen, shape, seconds)
    record.put(
        Speed(how, precision, shape, turns[how].timing, turns[how].fault, floor, tries, turns[how].beside)
        for how, tries in begun.items()
    )
    give_back()


def timed(record: Record, case: Case) -> list[str]:
    """Ways of a case that have a timing."""
    return [how for how, one in record.of(case).items() if one.timing]
