"""A canary: one version of a model that answers a share of the requests that leave the version to the server."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

FORM: Final = re.compile(r"(?P<name>[\w.-]+)@(?P<version>[\w.-]+):(?P<share>\d*\.?\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Canary:
    """The version, and its share of the requests: 0 to 1."""

    name: str
    version: str
    share: float

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.version

    def takes(self, request_id: str) -> bool:
        """Whether it answers a request; one that is sent again under its id lands alike."""
        place = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8]) / 2**64
        return place < self.share


def parse_canary(text: str) -> Canary:
    """Read ``NAME@VERSION:SHARE``.

    Raises:
        ValueError: it is none.
    """
    match = FORM.fullmatch(text)
    if match is None or float(match["share"]) > 1:
        raise ValueError("must be NAME@VERSION:SHARE, with a share of 0 to 1")
    return Canary(match["name"], match["version"], float(match["share"]))
