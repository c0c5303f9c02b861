"""Evaluates a running service over HTTP."""

import http.client
from contextlib import closing
from http import HTTPStatus
from typing import Final

import numpy as np
from numpy.typing import NDArray

from export.evaluation.address import AddressError, key_header, read_address
from export.evaluation.response import ResponseError, ResponseFrame, error_detail, read_response
from export.evaluation.retry import read_retry_after
from export.evaluation.source import MAX_TARGETS, BusyError, FrameAnswer, SourceError
from intensity import Range
from service.detection.options import RangeMode, range_text
from service.runtime.cpus import available_cpus

TIMEOUT_S: Final = 120.0
MAX_CONCURRENCY: Final = 8  # requests at a time; other clients may use the service, too
BUSY_STATUSES: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
MAX_LEVEL: Final = 65535  # pixel value of probability 1 in a probability mask
# parameters that an evaluation sets itself
RESERVED: Final = frozenset({"mask", "max_targets", "range", "width", "height", "dtype"})
# parameters by which the mask may omit pixels above the threshold
FILTERS: Final = frozenset({"min_confidence", "sensitivity", "false_alarms_per_mpx", "min_area"})


class HttpSource:
    """A running service.

    Args:
        url: the service's address. Its query is added to every request.
        key: API key, if the service requires one.
        span: how counts map to intensity.

    Raises:
        AddressError: no request can be sent to the address or with this key, or the query holds a parameter that an
            evaluation sets itself.
    """

    def __init__(self, url: str, key: str | None = None, span: RangeMode | Range = RangeMode.AUTO) -> None:
        self._address = read_address(url)
        clash = sorted(self._address.query_names & RESERVED)
        if clash:
            hint = " (--range)" if "range" in clash else ""
            raise AddressError(f"{url}: an evaluation sets {', '.join(clash)} itself, so leave it out of the URL{hint}")
        self._headers = {"Content-Type": "application/octet-stream", **key_header(key)}
        self._range = range_text(span)
        self.name, self.concurrency = url, min(MAX_CONCURRENCY, available_cpus())

    def find(self, frame: bytes, probabilities: bool = False) -> FrameAnswer:
        """Send one request. With probabilities a second one follows if the mask cannot be derived from them."""
        frame_response, levels = self._detect(frame, "probability" if probabilities else "png")
        mask: NDArray[np.bool_] | None = levels > 0
        if probabilities:
            filtered = self._address.query_names & FILTERS
            mask = None if filtered else _most_probable(levels, frame_response.area)
        return FrameAnswer(
            mask=self._detect(frame, "png")[1] > 0 if mask is None else mask,
            peaks=tuple((target.peak.x, target.peak.y) for target in frame_response.targets),
            confidences=tuple(target.confidence for target in frame_response.targets),
            probabilities=(levels / np.float32(MAX_LEVEL)).astype(np.float32) if probabilities else None,
        )

    def _detect(self, frame: bytes, mask: str) -> tuple[ResponseFrame, NDArray[np.uint16]]:
        """The frame's part of the response, and the pixels of its mask."""
        content = self._post(self._address.detect(mask=mask, max_targets=MAX_TARGETS, range=self._range), frame)
        try:
            frame_response = read_response(content)
            return frame_response, frame_response.levels()
        except ResponseError as fault:
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
        message = f"{self.name} answers {response.status}: {error_detail(content) or response.reason}"
        if response.status in BUSY_STATUSES:
            raise BusyError(message, read_retry_after(response.headers["Retry-After"]))
        raise SourceError(message)


def _most_probable(levels: NDArray[np.uint16], area: int) -> NDArray[np.bool_] | None:
    """The mask of all targets together: the ``area`` most probable pixels, where ``area`` is the sum of their areas.

    Comparing with the threshold would not be exact: the client does not know the model's threshold, and the levels are
    rounded to 16 bits.

    Returns:
        ``[H, W]``; None if the last pixel inside the mask and the first one outside have the same level.
    """
    outside = _highest_level_outside(levels, area)
    mask: NDArray[np.bool_] = levels > outside
    return mask if np.count_nonzero(mask) == area else None


def _highest_level_outside(levels: NDArray[np.uint16], area: int) -> int:
    """Highest level of the pixels that are not among the ``area`` most probable ones; -1 if there are none."""
    if area == levels.size:
        return -1
    return int(np.partition(levels, -area - 1, axis=None)[-area - 1])
