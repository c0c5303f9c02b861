"""Reads request bodies with a size limit and a deadline, and splits multipart bodies into their parts."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from typing import Final, Self

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from service.api.detect.work import Part
from service.api.filenames import plain_filename
from service.api.inflate import check_encoding, inflate
from service.errors import Reason, ServiceError
from service.frames import RAW_TYPE, RawLayout

PART_NAMES: Final = ("image", "file")
MULTIPART: Final = "multipart/form-data"
PIECE: Final = 65_536  # bytes


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


async def read_parts(
    request: Request, limit: int, max_parts: int, deadline: float, raw: RawLayout | None, late: Reason
) -> list[Part]:
    """Read the body of a request; a body that is not multipart is one part.

    Args:
        request: its body must not have been read.
        limit: most bytes of the body.
        max_parts: most parts of a multipart body.
        deadline: the last byte must arrive before this time of ``time.monotonic``.
        raw: the layout of raw rows, if the request gives one.
        late: the reason of the error if the body is not here by the deadline.

    Raises:
        ServiceError: the body is too large, late, compressed in an unknown way, damaged or invalid multipart, or the
            client disconnected.
    """
    encoding = request.headers.get("content-encoding", "")
    if encoding:
        check_encoding(encoding)
    _refuse_announced_size(request, limit)
    media_type = _media_type(request.headers.get("content-type"))
    arriving = _Arriving(request, limit)
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            if encoding:
                content = await asyncio.to_thread(inflate, await arriving.read(), encoding, limit)
            if media_type == MULTIPART:
                stream = _pieces(content) if encoding else arriving.stream()
                return await _read_multipart(request.headers, stream, max_parts, raw)
            if not encoding:
                content = await arriving.read()
    except TimeoutError as error:
        raise ServiceError(late, "the body did not arrive in time") from error
    except ClientDisconnect as error:
        raise ServiceError(Reason.REQUEST_TIMEOUT, "the client disconnected before the body was complete") from error
    return [Part(content, media_type, None, _layout_for(media_type, raw))]


async def _pieces(content: bytes) -> AsyncGenerator[bytes, None]:
    """A body that is already here, in pieces: one large piece would stop the event loop while it is parsed."""
    for start in range(0, len(content), PIECE):
        yield content[start : start + PIECE]
        await asyncio.sleep(0)


async def _read_multipart(
    headers: Headers, stream: AsyncGenerator[bytes, None], max_parts: int, raw: RawLayout | None
) -> list[Part]:
    parser = _InMemory(headers, stream, max_files=max_parts, max_fields=max_parts).requiring_end()
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise ServiceError(Reason.TOO_MANY_FRAMES, f"the multipart body has more than {max_parts} parts") from error
        raise ServiceError(Reason.BAD_PARAMETER, f"the multipart body cannot be read: {error.message}") from error
    try:
        parts = [await _read_part(name, value, raw) for name, value in form.multi_items()]
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
    media_type = _media_type(value.content_type)
    content = await value.read()
    await value.close()  # otherwise the body would be in memory twice
    return Part(content, media_type, value.filename or None, _layout_for(media_type, raw))


class _Arriving:
    """A body that arrives in pieces and is refused beyond ``limit`` bytes."""

    def __init__(self, request: Request, limit: int) -> None:
        self._request, self._limit = request, limit
        self._size, self._more = 0, True

    async def read(self) -> bytes:
        """The whole body. Reading it with an asynchronous generator would double the time that is spent here."""
        chunks = []
        while self._more:
            chunks.append(await self._receive())
        return b"".join(chunks)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        while self._more:
            yield await self._receive()

    async def _receive(self) -> bytes:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        self._more = message.get("more_body", False)
        self._size += len(chunk)
        if self._size > self._limit:
            raise _too_large(self._limit)
        return chunk


def _layout_for(media_type: str | None, raw: RawLayout | None) -> RawLayout | None:
    return raw if media_type in (RAW_TYPE, None) else None


def _media_type(header: str | None) -> str | None:
    return parse_options_header(header)[0].decode("latin-1").strip().lower() or None if header else None


def _refuse_announced_size(request: Request, limit: int) -> None:
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> ServiceError:
    return ServiceError(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
