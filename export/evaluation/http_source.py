"""Evaluates a running service over HTTP."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from export.evaluation.source import MAX_TARGETS, FrameAnswer, SourceError, refuse_several_frames
from intensity import Range
from rrcanet import Client, Detections
from rrcanet.errors import AddressError, Refusal, Unreachable
from rrcanet.http.address import read_address
from rrcanet.masks.mask import mask_of_probabilities
from service.detection.options import RangeMode, range_text
from service.runtime.cpus import available_cpus

MAX_CONCURRENCY: Final = 8  # requests at a time; other clients may use the service, too
# parameters that an evaluation sets itself
RESERVED: Final = frozenset({"mask", "max_targets", "range", "width", "height", "dtype"})


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
        clash = sorted(read_address(url).query_names & RESERVED)
        if clash:
            hint = " (--range)" if "range" in clash else ""
            raise AddressError(f"{url}: an evaluation sets {', '.join(clash)} itself, so leave it out of the URL{hint}")
        self._client, self._range = Client(url, key, in_flight=1), range_text(span)
        self.name, self.concurrency = url, min(MAX_CONCURRENCY, available_cpus())

    def find(self, frame: bytes, probabilities: bool = False) -> FrameAnswer:
        """Send one request. With probabilities a second one follows if the mask cannot be derived from them."""
        try:
            return self._with_probabilities(frame) if probabilities else self._plain(frame)
        except ValueError as fault:  # AnswerError, or another mask than was asked for
            raise SourceError(f"{self.name} answers, but not as POST /v1/detect does: {fault}") from fault
        except Refusal as fault:
            raise SourceError(f"{self.name} answers {fault.status}: {fault.detail}") from fault
        except Unreachable as fault:
            raise SourceError(str(fault)) from fault

    def cancel(self) -> None:
        """End the calls that wait for a busy service."""
        self._client.cancel()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _plain(self, frame: bytes) -> FrameAnswer:
        found = self._detect(frame, "png")
        return _answer(found, found.mask)

    def _with_probabilities(self, frame: bytes) -> FrameAnswer:
        found = self._detect(frame, "probability")
        peaks = (((y, x), area) for (x, y), area in zip(found.peaks.tolist(), found.area.tolist(), strict=True))
        mask, is_sure = mask_of_probabilities(found.levels, peaks)
        return _answer(found, mask if is_sure else self._detect(frame, "png").mask, found.probabilities)

    def _detect(self, frame: bytes, mask: Literal["png", "probability"]) -> Detections:
        only, *others = self._client.detect(frame, mask=mask, max_targets=MAX_TARGETS, range=self._range)
        refuse_several_frames(others)
        return only


def _answer(
    found: Detections, mask: NDArray[np.bool_], probabilities: NDArray[np.float32] | None = None
) -> FrameAnswer:
    return FrameAnswer(
        mask=mask,
        peaks=tuple(target.peak for target in found),
        confidences=tuple(found.confidence.tolist()),
        probabilities=probabilities,
    )
