"""Splits multipart bodies into their parts (RFC 7578)."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Final, Self

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.api.detect.work import Part
from service.api.filenames import plain_filename
from service.errors import Reason, ServiceError
from service.frames import RAW_TYPE, RawLayout

PART_NAMES: Final = ("image", "file")
MULTIPART: Final = "multipart/form-data"
PIECE: Final = 65_536  # bytes
REMEMBERED: Final = 64  # headers Content-Type; the size of each is bounded


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # the body limit already bounds memory, and a disk would be slower
    _complete = False

    def requiring_end(self) -> Self:
        """Refuse a body without its closing boundary: its last frames may be missing."""
        self.stream = self._checked(self.stream)
        return self

    async def _checked(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._complete:
            raise MultiPartException("the closing boundary is missing")

    def on_headers_finished(self) -> None:
        """Read names as UTF-8, whatever charset is declared (RFC 7578, section 5.1.2); some charsets raise errors."""
        self._charset = "utf-8"
        part = self._current_part
        part.content_disposition = plain_filename(part.content_disposition or b"")
        super().on_headers_finished()

    def on_end(self) -> None:
        """Note the closing boundary."""
        self._complete = True


async def pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    """A body that is already here, in pieces: one large piece would stop the event loop while it is parsed."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]
        await asyncio.sleep(0)


async def read_multipart(
    headers: Headers,
    stream: AsyncGenerator[bytes, None],
    max_parts: int,
    raw: RawLayout | None,
    fields: dict[str, str] | None = None,
) -> list[Part]:
    """The parts of a multipart body, each a frame or a file of frames. ``fields`` takes what is text.

    Raises:
        ServiceError: ``too_many_frames``, or ``bad_parameter`` for a body or a part that cannot be read.
    """
    parser = _InMemory(headers, stream, max_files=max_parts, max_fields=max_parts).requiring_end()
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise ServiceError(Reason.TOO_MANY_FRAMES, f"the multipart body has more than {max_parts} parts") from error
        raise ServiceError(Reason.BAD_PARAMETER, f"the multipart body cannot be read: {error.message}") from error
    try:
        items = form.multi_items()
        if fields is not None:
            fields |= {name: value for name, value in items if isinstance(value, str)}
            items = [(name, value) for name, value in items if not isinstance(value, str)]
        parts = [await _read_part(name, value, raw) for name, value in items]
    finally:
        await form.close()
    if not parts:
        raise ServiceError(Reason.BAD_PARAMETER, "the multipart body has no part named 'image'")
    return parts


async def _read_part(name: str, value: UploadFile | str, raw: RawLayout | None) -> Part:
    if name not in PART_NAMES:
        raise ServiceError(
            Reason.BAD_PARAMETER, f"part {name[:64]!r} is unknown; send frames in parts named 'image' or 'file'"
        )
    if isinstance(value, str):
        raise ServiceError(
            Reason.BAD_PARAMETER, f"part {name!r} has no filename, so it is text and not a frame; send it as a file"
        )
    media_type = media_type_of(value.content_type)
    content = await value.read()
    await value.close()  # otherwise the body would be in memory twice
    return Part(content, media_type, value.filename or None, layout_for(media_type, raw))


def layout_for(media_type: str | None, raw: RawLayout | None) -> RawLayout | None:
    """The layout of raw rows, for content that may be raw rows."""
    return raw if media_type in (RAW_TYPE, None) else None


@lru_cache(REMEMBERED)
def media_type_of(header: str | None) -> str | None:
    """The media type in a header ``Content-Type``, without its parameters; None if there is none."""
    return parse_options_header(header)[0].decode("latin-1").strip().lower() or None if header else None
