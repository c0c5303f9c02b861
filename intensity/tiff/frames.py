"""The frames of a TIFF: which pages are frames, and samples -> counts."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from intensity.counts import Counts, StoredPage, UnreadableCountsError, luminance, make_counts, without_fill
from intensity.tiff import tags
from intensity.tiff.directory import BrokenChainError, Directory, directories
from intensity.tiff.page import PALETTE, RGB, WHITE_IS_ZERO, YCBCR, Page, check_page, read_page
from intensity.tiff.segments import read_samples

MAX_OTHER_PAGES: Final = 1_024  # overviews, previews and masks of one file


def read_tiff(body: bytes) -> Iterator[StoredPage | UnreadableCountsError]:
    """The frames of a file, page by page; the fault of a page that is no sound frame takes its place.

    Raises:
        UnreadableCountsError: not even the first page can be found, or no page is a frame.
    """
    chained = _until_broken(directories(body))
    beginning = list(islice(chained, 2))
    if not beginning or isinstance(beginning[0], BrokenChainError):
        why = beginning[0] if beginning else "it has no page"
        raise UnreadableCountsError(f"the TIFF file cannot be read: {why}")
    is_deep: bool | None = None
    found = False
    others = 0
    for index, directory in enumerate(chain(beginning, chained)):
        page = _page(directory, index, is_alone=len(beginning) == 1)
        if isinstance(page, Page) and (not page.is_frame or (is_deep and page.is_rendering)):
            others += 1
            if others <= MAX_OTHER_PAGES:
                continue
            page = UnreadableCountsError(f"the TIFF has more than {MAX_OTHER_PAGES} overviews, previews or masks")
        found = True
        is_deep = page.bits > 8 if is_deep is None and isinstance(page, Page) else is_deep
        yield _frame(page, index)
        if others > MAX_OTHER_PAGES:
            return
    if not found:
        raise UnreadableCountsError("no page of the TIFF is a frame: all are marked as overviews, previews or masks")


def _until_broken(chained: Iterator[Directory]) -> Iterator[Directory | BrokenChainError]:
    """The directories, and last the error that breaks their chain."""
    try:
        yield from chained
    except BrokenChainError as error:
        yield error


def _page(directory: Directory | BrokenChainError, index: int, is_alone: bool) -> Page | UnreadableCountsError:
    if isinstance(directory, BrokenChainError):
        return UnreadableCountsError(f"page {index} of the TIFF cannot be found: {directory}")
    try:
        return read_page(directory, is_alone)
    except UnreadableCountsError as fault:
        return fault


def _frame(page: Page | UnreadableCountsError, index: int) -> StoredPage | UnreadableCountsError:
    if isinstance(page, UnreadableCountsError):
        return page
    try:
        check_page(page)
    except UnreadableCountsError as fault:
        return fault
    return StoredPage(index, page.frames, *page.allocated, partial(_read, page))


def _read(page: Page) -> list[Counts]:
    try:
        samples = read_samples(page)
        return [_counts(page, one) for one in samples]
    except UnreadableCountsError:
        raise
    except Exception as error:  # decoders raise nearly any exception for hostile bytes
        why = str(error) or type(error).__name__
        raise UnreadableCountsError(f"the TIFF data is truncated or damaged: {why}") from error


def _counts(page: Page, samples: NDArray[Any]) -> Counts:
    """Counts of ``[H, W, samples]``: gray, or luminance; further samples, such as alpha, are ignored."""
    if page.photometric == PALETTE:
        return Counts(luminance(_palette(page)[samples[..., 0]]), "uint8")
    if page.photometric in (RGB, YCBCR):
        return Counts(luminance(samples[..., :3]), samples.dtype.name)
    gray = samples[..., 0]
    if page.bits < 8 or gray.dtype == np.bool_:
        largest = 2**page.bits - 1
        gray = (gray.astype(np.uint16) * 255 // largest).astype(np.uint8)
    if page.photometric == WHITE_IS_ZERO:
        gray = (255 if page.bits < 8 else 2**page.bits - 1) - gray
    counts = make_counts(gray)
    return Counts(counts if page.fill is None else without_fill(counts, page.fill), gray.dtype.name)


def _palette(page: Page) -> NDArray[np.uint8]:
    """``[2 ** bits, 3]``; the file stores 16-bit colours, of which the high byte counts."""
    entries = 2**page.bits
    colours = page.directory.numbers(tags.COLOR_MAP, 3 * entries)
    if len(colours) < 3 * entries:
        raise UnreadableCountsError("the TIFF data is damaged: its palette is not complete")
    return (np.array(colours, np.uint16).reshape(3, entries).T >> 8).astype(np.uint8)
