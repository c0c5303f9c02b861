"""What a client asks for and what it makes of the answers, as generators of steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rrcanet.detections import Detections
from rrcanet.errors import (
    Busy,
    DeadlineExceeded,
    NotFound,
    Refusal,
    TooLarge,
    Undecodable,
    Unreachable,
    Unsupported,
)
from rrcanet.frames import Item
from rrcanet.http.answers import failed, read_answer
from rrcanet.http.limits import PATH as LIMITS
from rrcanet.http.limits import Limits
from rrcanet.http.problems import read_refusal
from rrcanet.http.retry import USUAL_WAIT_S
from rrcanet.http.steps import Exchange, Reply, Send, Wait

DETECT: Final = "/v1/detect"
OK: Final = 200
OF_A_FRAME: Final = (TooLarge, Undecodable)  # one frame has them, and the others can be answered without it
OF_THE_SIZE: Final = (TooLarge, Undecodable, DeadlineExceeded)  # a smaller request may have an answer


def fetch_limits(retries: int) -> Exchange[Limits]:
    """The server's limits; careful ones if the server is too old to have the route."""
    try:
        reply = yield from answered(Send("GET", LIMITS), retries)
    except NotFound:
        return Limits()
    return Limits.read(reply.content)


def detect(items: Sequence[Item], query: Mapping[str, str], retries: int) -> Exchange[list[Detections]]:
    """The detections of every frame of the items, in order.

    A request that the server cannot answer as a whole is sent in halves. So one bad item does not lose the others.

    Raises:
        Refusal, Unreachable: the server gives no answer.
        AnswerError: the answer is something else.
    """
    try:
        reply = yield from answered(Send("POST", DETECT, query, body_of(items)), retries)
    except OF_THE_SIZE as error:
        if len(items) > 1:
            middle = len(items) // 2
            first = yield from detect(items[:middle], query, retries)
            return first + (yield from detect(items[middle:], query, retries))
        if isinstance(error, OF_A_FRAME):
            return [failed(items[0], error)]
        raise
    return read_answer(reply, items)


def body_of(items: Sequence[Item]) -> bytes | list[bytes]:
    """The body of a request with these items."""
    return [item.content for item in items] if len(items) > 1 else items[0].content


def answered(send: Send, retries: int) -> Exchange[Reply]:
    """The answer to a request. While the server is busy, the request is sent again after the time that it names.

    Raises:
        Refusal: the answer is an error, or the server is still busy after the last retry.
        Unreachable: there is no answer.
    """
    for _ in range(retries):
        try:
            return (yield from _sent(send))
        except Busy as busy:
            yield Wait(busy.retry_after_s or USUAL_WAIT_S)
    try:
        return (yield from _sent(send))
    except Busy as busy:
        again = f"{busy.detail}; sent {retries + 1} times" if retries else busy.detail
        raise Busy(busy.reason, busy.status, again, busy.request_id, busy.retry_after_s) from busy


def _sent(send: Send) -> Exchange[Reply]:
    """The answer to a request; sent once more if it went into a connection that the server was closing."""
    try:
        reply = yield send
    except Unreachable as error:
        if not error.is_stale:
            raise
        reply = yield send
    assert reply is not None, "a request is replied to"
    if reply.status != OK:
        raise read_refusal(reply)
    return reply


def refuse_unknown(query: Iterable[str], limits: Limits) -> None:
    """Refuse options that the server does not have.

    Raises:
        Unsupported: names them.
    """
    unknown = sorted(set(query) - limits.parameters) if limits.parameters is not None else []
    if unknown:
        raise Unsupported(f"this server has no option {', '.join(unknown)}: it is older, or the name is misspelt")


def raise_if_all_failed(found: Sequence[Detections]) -> None:
    """Raise the error of the first frame if no frame at all was answered, as the server does.

    Raises:
        Refusal: of the first frame.
    """
    if found and all(one.refusal is not None for one in found):
        first = found[0].refusal
        assert isinstance(first, Refusal)
        raise first


def numbered(found: Iterable[Detections], start: int) -> list[Detections]:
    """The same detections, each with its position among all frames of the call."""
    return [one.at(start + number) for number, one in enumerate(found)]
