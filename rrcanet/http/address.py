"""The address of a service, such as ``http://host:8000/?model=nuaa-sirst``. Its query is added to every request."""

import http.client
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from rrcanet.errors import AddressError

BEGINNINGS: Final = ("http://", "https://")
PATH_SAFE: Final = "/%:@!$&'()*+,;="  # not percent-encoded, like letters and digits
QUERY_SAFE: Final = f"{PATH_SAFE}?"
LAST_LATIN_1, CONTROL = "\xff", "Cc"  # a header has no character beyond the first, and none of this category

NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


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

    def target(self, path: str, parameters: Mapping[str, str] = NOTHING) -> str:
        """Path and query of a route: the address's own query first, then ``parameters``."""
        query = "&".join(part for part in (self.query, urlencode(parameters)) if part)
        return f"{self.path}{path}?{query}" if query else f"{self.path}{path}"

    def url(self, path: str, parameters: Mapping[str, str] = NOTHING) -> str:
        """The same with scheme and host."""
        return f"{self.scheme}://{self.host}{self.target(path, parameters)}"

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

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
        raise AddressError(
            "the address holds a user or a password, which are never sent; pass an API key with --key, or as api_key"
        )
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
