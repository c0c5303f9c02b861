"""A canary: one version of a model that answers a share of the requests that name no version."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

FORM: Final = re.compile(r"(?P<name>[\w.-]+)@(?P<version>[\w.-]+):(?P<share>\d*\.?\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Canary:
    """Name and version of a model, and its share of the requests: 0 to 1."""

    name: str
    version: str
    share: float

    def __str__(self) -> str:
        return f"{self.name}@{self.version}:{self.share:g}"

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.version

    def takes(self, request_id: str) -> bool:
        """Whether the canary answers a request. A retry with the same id gets the same version."""
        place = int.from_bytes(hashlib.sha256(request_id.encode()).digest()[:8]) / 2**64
        return place < self.share


def parse_canary(text: str) -> Canary:
    """Read ``NAME@VERSION:SHARE``.

    Raises:
        ValueError: the text has another form, or the share is above 1.
    """
    match = FORM.fullmatch(text)
    if match is None or float(match["share"]) > 1:
        raise ValueError("must be NAME@VERSION:SHARE, with a share of 0 to 1")
    return Canary(match["name"], match["version"], float(match["share"]))
