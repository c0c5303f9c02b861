"""Reads TIFF and BigTIFF; counts are read by ``intensity.tiff``, which training uses too."""

from dataclasses import replace
from typing import Final

from intensity.counts import UnreadableCountsError
from intensity.tiff import MAGICS, TiffFrame, read_tiff
from service.errors import ServiceError
from service.frames.frame import Budget, Frame, frame_or_fault, undecodable

__all__ = ["MAGICS", "MEDIA_TYPE", "read_tiff_frames"]

MEDIA_TYPE: Final = "image/tiff"


def read_tiff_frames(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Read every page of a TIFF that is a frame; the error of an unreadable page takes that page's place.

    Raises:
        ServiceError: a limit, or ``undecodable_frame`` if the file has no frame at all.
    """
    frames: list[Frame | ServiceError] = []
    try:
        for page in read_tiff(body):
            if isinstance(page, UnreadableCountsError):
                budget.take(1, 1)  # a file may have a long chain of unreadable pages
                frames.append(undecodable(str(page)))
            else:
                frames += _read_page(page, budget, name)
    except UnreadableCountsError as error:
        raise undecodable(str(error)) from error
    if len(frames) == 1 and isinstance(frames[0], Frame):
        frames[0] = replace(frames[0], page=None)
    return frames


def _read_page(page: TiffFrame, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    for _ in range(page.frames):
        budget.take(page.width, page.height)
    try:
        return [frame_or_fault(counts, dtype, name, page.page) for counts, dtype in page.read()]
    except UnreadableCountsError as error:
        return [undecodable(str(error))]
