"""Where a service is, and what every request to it asks for besides: ``http://host:8000/?model=nuaa-sirst``."""

import http.client
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

SECURE: Final = "https"
BEGINNINGS: Final = ("http://", f"{SECURE}://")
DETECT: Final = "/v1/detect"
OF_PATH: Final = "/%:@!$&'()*+,;="  # stays as it is, other than letters and digits
OF_QUERY: Final = f"{OF_PATH}?"
LATIN_1, CONTROL = "\xff", "Cc"  # the last letter that a header carries; Unicode's category of those that it does not


class AddressError(Exception):
    """An address or a key that no request can be made with, and why."""


@dataclass(frozen=True, slots=True)
class Address:
    """Of a service.

    Attributes:
        text: as it was given.
        host: with its port.
        path: what stands before the service's own paths, percent-encoded.
        query: what every request asks for, percent-encoded.
    """

    text: str
    scheme: str
    host: str
    path: str
    query: str

    def connect(self, timeout_s: float) -> http.client.HTTPConnection:
        """Not opened before the first request."""
        kind = http.client.HTTPSConnection if self.scheme == SECURE else http.client.HTTPConnection
        return kind(self.host, timeout=timeout_s)

    def detect(self, **asked: str | int) -> str:
        """What a request to find targets names: path and query, the address's own and what is asked for besides."""
        query = "&".join(part for part in (self.query, urlencode(asked)) if part)
        return f"{self.path}{DETECT}?{query}" if query else f"{self.path}{DETECT}"

    @property
    def asked(self) -> frozenset[str]:
        """Names in its query."""
        return frozenset(name for name, _ in parse_qsl(self.query, keep_blank_values=True))


def is_address(text: str) -> bool:
    """Whether this is meant as one; anything else is a file."""
    return text.lower().startswith(BEGINNINGS)


def read_address(text: str) -> Address:
    """An address whose path and query are sent as they are, in UTF-8 where they are not ASCII.

    Raises:
        AddressError: no request can be sent there, or not all of it.
    """
    try:
        parts = urlsplit(text)
        _check(parts)
        path, query = quote(parts.path, OF_PATH), quote(parts.query, OF_QUERY)
    except (ValueError, http.client.InvalidURL) as error:
        raise AddressError(f"{text} is no address of a service: {error}") from error
    return Address(text, parts.scheme, parts.netloc, path.rstrip("/"), query)


def _check(parts: SplitResult) -> None:
    if parts.username is not None:
        raise AddressError("an address with a user or a password: neither is sent; a key is given with --key")
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.fragment:
        raise ValueError(f"it has a fragment, #{parts.fragment}, which is never sent")
    parts.hostname.encode("idna")
    http.client.HTTPConnection(parts.netloc)  # opens nothing; refuses ports that are no numbers, and spaces
    _ = parts.port  # refuses those that are too large


def key_header(key: str | None) -> Mapping[str, str]:
    """What opens a service that wants a key; nothing without one.

    Raises:
        AddressError: no header can carry it.
    """
    odd = sorted({letter for letter in key or "" if letter > LATIN_1 or unicodedata.category(letter) == CONTROL})
    if odd:
        raise AddressError(f"no header can carry the key: it holds {', '.join(map(ascii, odd))}")
    return {"X-API-Key": key} if key else {}
