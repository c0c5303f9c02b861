"""Steps as requests of httpx, and its responses as replies: what ``Client`` and ``AsyncClient`` send is the same."""

import os
from collections.abc import Mapping
from typing import Any, Final

import httpx

from rrcanet.errors import Unreachable
from rrcanet.http.address import Address, key_header, read_address
from rrcanet.http.steps import Reply, Send

KEY_VARIABLE: Final = "RRCANET_API_KEY"
TIMEOUT_S: Final = 120.0
IN_FLIGHT: Final = 4
OCTETS: Final = "application/octet-stream"
LINES: Final = "application/x-ndjson"
STALE: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError, httpx.CloseError)


class Wire:
    """The address of a server, and how to ask it.

    Args:
        url: the server's address. Its query is added to every request.
        api_key: if the server needs one; by default the environment's ``RRCANET_API_KEY``.
        timeout_s: seconds to wait for the server in each step of a request.
        verify: as in httpx: False, or an ``ssl.SSLContext``.

    Raises:
        AddressError: no request can be sent to the address, or no header can carry the key.
    """

    def __init__(self, url: str, api_key: str | None, timeout_s: float, verify: Any) -> None:
        self.address: Address = read_address(url)
        key = os.environ.get(KEY_VARIABLE) if api_key is None else api_key
        self.timeout_s, self.verify = timeout_s, verify
        self.headers = {name: value.encode("latin-1") for name, value in key_header(key).items()}

    def options(self) -> dict[str, Any]:
        """Arguments of ``httpx.Client`` and of ``httpx.AsyncClient``."""
        # certificates take 50 ms to load, and redirects are not followed
        verify = self.verify if self.address.is_secure else False
        return {"headers": self.headers, "timeout": self.timeout_s, "verify": verify}

    def request(self, send: Send) -> dict[str, Any]:
        """Arguments of ``request``. The parts of a body are named by their numbers, which tells their frames apart."""
        headers = {"Accept": send.accept} if send.accept else {}
        made: dict[str, Any] = {"method": send.method, "url": self.address.url(send.path, send.query)}
        if isinstance(send.body, bytes):
            typed = {"content": send.body, "headers": headers | {"Content-Type": OCTETS}}
            return made | (typed if send.body else {"headers": headers})
        parts = [("image", (str(number), content, OCTETS)) for number, content in enumerate(send.body)]
        return made | {"files": parts, "headers": headers}

    def unreachable(self, error: httpx.HTTPError | httpx.InvalidURL) -> Unreachable:
        """The error for a request without an answer."""
        why = str(error) or type(error).__name__
        return Unreachable(f"{self.address.text} does not answer: {why}", isinstance(error, STALE))


def answers_in_lines(response: httpx.Response) -> bool:
    """Whether a response that is not read yet has a line for each frame."""
    return response.status_code == httpx.codes.OK and response.headers.get("content-type", "").startswith(LINES)


def reply_in_lines(response: httpx.Response) -> Reply:
    """A response whose lines are still to be read."""
    return Reply(response.status_code, response.reason_phrase, response.headers, b"", response)


def reply_of(response: httpx.Response) -> Reply:
    """What an exchange needs of a response that was read."""
    headers: Mapping[str, str] = response.headers
    return Reply(response.status_code, response.reason_phrase, headers, response.content)
