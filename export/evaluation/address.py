"""The address of a service, such as ``http://host:8000/?model=nuaa-sirst``. Its query is added to every request."""

import http.client
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

SECURE: Final = "https"
BEGINNINGS: Final = ("http://", f"{SECURE}://")
DETECT: Final = "/v1/detect"
PATH_SAFE: Final = "/%:@!$&'()*+,;="  # not percent-encoded, like letters and digits
QUERY_SAFE: Final = f"{PATH_SAFE}?"
LAST_LATIN_1, CONTROL = (
    "\xff",
    "Cc",
)  # a header has none beyond the first, none of this category


class AddressError(Exception):
    """No request can be sent to the address, or no header can carry the API key. The message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parsed address of a service.

    Attributes:
        text: the address as the user gave it.
        scheme: ``http`` or ``https``.
        host: host name and port.
        path: prefix of the service's own paths, percent-encoded.
        query: query that is added to every request, percent-encoded.
    """

    text: str
    scheme: str
    host: str
    path: str
    query: str

    def connect(self, timeout_s: float) -> http.client.HTTPConnection:
        """A connection to the host. It is opened with the first request."""
        kind = http.client.HTTPSConnection if self.scheme == SECURE else http.client.HTTPConnection
        return kind(self.host, timeout=timeout_s)

    def detect(self, **parameters: str | int) -> str:
        """Path and query of a detection request: the address's own query first, then ``parameters``."""
        query = "&".join(part for part in (self.query, urlencode(parameters)) if part)
        return f"{self.path}{DETECT}?{query}" if query else f"{self.path}{DETECT}"

    @property
    def query_names(self) -> frozenset[str]:
        """Names of the parameters in the address's own query."""
        return frozenset(name for name, _ in parse_qsl(self.query, keep_blank_values=True))


def is_address(text: str) -> bool:
    """Whether ``text`` is the address of a service and not the path of a file."""
    return text.lower().startswith(BEGINNINGS)


def read_address(text: str) -> Address:
    """Parse an address. Characters of path and query that are not ASCII are sent in UTF-8, percent-encoded.

    Raises:
        AddressError: no request can be sent there, or a part of the address would be lost.
    """
    try:
        parts = urlsplit(text)
        _check(parts)
        path, query = quote(parts.path, PATH_SAFE), quote(parts.query, QUERY_SAFE)
    except (ValueError, http.client.InvalidURL) as error:
        raise AddressError(f"{text} is no address of a service: {error}") from error
    return Address(text, parts.scheme, parts.netloc, path.rstrip("/"), query)


def _check(parts: SplitResult) -> None:
    if parts.username is not None:
        raise AddressError("the address holds a user or a password, which are never sent; pass an API key with --key")
    if not parts.hostname:
        raise ValueError("it names no host")
    if parts.fragment:
        raise ValueError(f"it has a fragment, #{parts.fragment}, which is never sent")
    parts.hostname.encode("idna")
    http.client.HTTPConnection(parts.netloc)  # opens no connection; raises if the port is no number or has spaces
    _ = parts.port  # raises if the port is too large


def key_header(key: str | None) -> Mapping[str, str]:
    """The request header with the API key; no header without a key.

    Raises:
        AddressError: no header can carry the key.
    """
    odd = sorted({letter for letter in key or "" if letter > LAST_LATIN_1 or unicodedata.category(letter) == CONTROL})
    if odd:
        raise AddressError(f"no header can carry the key: it holds {', '.join(map(ascii, odd))}")
    return {"X-API-Key": key} if key else {}
