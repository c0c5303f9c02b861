"""A running service as what is evaluated."""

import http.client
from contextlib import closing
from http import HTTPStatus
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export.evaluation.address import AddressError, key_header, read_address
from export.evaluation.response import AnswerError, Entry, detail, read_answer
from export.evaluation.retry import read_retry_after
from export.evaluation.source import MANY, BusyError, Found, SourceError
from intensity import Range
from service.detection.options import RangeMode, range_text
from service.runtime.cpus import available_cpus

TIMEOUT_S: Final = 120.0
AT_ONCE: Final = 8  # requests: others may be asking the service, too
BUSY: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
FULL: Final = 65535  # of a probability mask
OWN: Final = frozenset({"mask", "max_targets", "range", "width", "height", "dtype"})  # not the address's to ask for
FILTERS: Final = frozenset({"min_confidence", "min_area"})  # leave out pixels as probable as those of the mask


class HttpSource:
    """A running service, by its URL, whose query goes with every request.

    Args:
        key: an API key, where the service wants one.
        span: how counts map to intensity.

    Raises:
        AddressError: no request can be sent there, with this key, or the query asks for what an evaluation must.
    """

    def __init__(self, url: str, key: str | None = None, span: RangeMode | Range = RangeMode.AUTO) -> None:
        self._address = read_address(url)
        clash = sorted(self._address.asked & OWN)
        if clash:
            hint = " (--range)" if "range" in clash else ""
            raise AddressError(f"{url}: {', '.join(clash)} cannot be asked for; an evaluation sets that itself{hint}")
        self._headers = {"Content-Type": "application/octet-stream", **key_header(key)}
        self._range = range_text(span)
        self.name, self.at_once = url, min(AT_ONCE, available_cpus())

    def find(self, frame: bytes, probabilities: bool = False) -> Found:
        """One request; with probabilities a second one, where they alone cannot tell the mask."""
        entry, levels = self._detect(frame, "probability" if probabilities else "png")
        mask: NDArray[np.bool_] | None = levels > 0
        if probabilities:
            filtered = self._address.asked & FILTERS
            mask = None if filtered else _most_probable(levels, entry.area)
        return Found(
            mask=self._detect(frame, "png")[1] > 0 if mask is None else mask,
            peaks=tuple((target.peak.x, target.peak.y) for target in entry.targets),
            confidences=tuple(target.confidence for target in entry.targets),
            probabilities=(levels / np.float32(FULL)).astype(np.float32) if probabilities else None,
        )

    def _detect(self, frame: bytes, mask: str) -> tuple[Entry, NDArray[np.uint16]]:
        """The frame's entry, and the mask in it."""
        content = self._post(self._address.detect(mask=mask, max_targets=MANY, range=self._range), frame)
        try:
            entry = read_answer(content)
            return entry, entry.levels()
        except AnswerError as fault:
            raise SourceError(f"{self.name} answers, but not as POST /v1/detect does: {fault}") from fault

    def _post(self, target: str, body: bytes) -> bytes:
        try:
            with closing(self._address.connect(TIMEOUT_S)) as connection:
                connection.request("POST", target, body, self._headers)
                response = connection.getresponse()
                content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(f"{self.name} does not answer: {error}") from error
        if response.status == HTTPStatus.OK:
            return content
        told = f"{self.name} answers {response.status}: {detail(content) or response.reason}"
        if response.status in BUSY:
            raise BusyError(told, read_retry_after(response.headers["Retry-After"]))
        raise SourceError(told)


def _most_probable(levels: NDArray[np.uint16], area: int) -> NDArray[np.bool_] | None:
    """The mask of all targets together: as many of the most probable pixels as their areas say.

    The threshold is the model's own and 16 bits round, so that only the areas tell exactly.

    Returns:
        ``[H, W]``; None where the last pixel inside and the first outside are equal in 16 bits.
    """
    inside = np.count_nonzero(levels > (cut := _cut(levels, area)))
    return levels > cut if inside == area else None


def _cut(levels: NDArray[np.uint16], area: int) -> int:
    """The highest level outside."""
    if area == levels.size:
        return -1
    return int(np.partition(levels, -area - 1, axis=None)[-area - 1])
