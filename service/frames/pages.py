"""Reads files of several pages: TIFF, BigTIFF and FITS; ``intensity`` decodes them, for training too."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from intensity.counts import StoredPage, UnreadableCountsError
from intensity.fits import MissingAstropyError
from service.errors import Reason, ServiceError
from service.frames.frame import Budget, Frame, frame_or_fault, undecodable

MEDIA_TYPES: Final = ("image/tiff", "image/fits")


def read_pages(
    pages: Iterator[StoredPage | UnreadableCountsError], budget: Budget, name: str | None
) -> list[Frame | ServiceError]:
    """Read every page that is a frame; the error of an unreadable page takes that page's place.

    Raises:
        ServiceError: a limit; ``undecodable_frame`` if the file has no frame at all; ``unsupported_media_type`` if a
            package is missing.
    """
    frames: list[Frame | ServiceError] = []
    try:
        for page in pages:
            if isinstance(page, UnreadableCountsError):
                budget.take(1, 1)  # a file may have a long chain of unreadable pages
                frames.append(undecodable(str(page)))
            else:
                frames += _read_page(page, budget, name)
    except MissingAstropyError as error:
        raise ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, str(error)) from error
    except UnreadableCountsError as error:
        raise undecodable(str(error)) from error
    if len(frames) == 1 and isinstance(frames[0], Frame):
        frames[0] = replace(frames[0], page=None)
    return frames


def _read_page(page: StoredPage, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    for _ in range(page.frames):
        budget.take(page.width, page.height)
    try:
        return [frame_or_fault(counts, dtype, name, page.page) for counts, dtype in page.read()]
    except UnreadableCountsError as error:
        return [undecodable(str(error))]
