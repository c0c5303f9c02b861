"""The steps of an exchange with a server. A generator yields them; a client takes them and sends back the replies.

So what is asked, in which order, and what an answer means is written once, for ``Client`` and for ``AsyncClient``.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request.

    Attributes:
        method: of HTTP.
        path: with the query, below the address.
        body: a whole body, or the parts of a multipart one.
        accept: media types of the answer; empty for the usual one.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes | list[bytes] = b""
    accept: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait before the next step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; names of headers are in lower case.

    Attributes:
        content: the body; empty if ``lines`` has it.
        lines: a response of httpx that answers in lines, which are not read yet; whoever takes it closes it.
    """

    status: int
    phrase: str
    headers: Mapping[str, str]
    content: bytes
    lines: Any = None


T = TypeVar("T")
Exchange = Generator[Send | Wait, Reply | None, T]
