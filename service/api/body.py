"""Request bodies: read with a limit and a deadline, taken apart into frames' bytes."""

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
from service.errors import Reason, ServiceError
from service.frames import RAW_TYPE, RawLayout

PART_NAMES: Final = ("image", "file")
MULTIPART: Final = "multipart/form-data"


class _InMemory(MultiPartParser):
    spool_max_size = sys.maxsize  # the body limit bounds memory; a disk would only be slower
    _complete = False

    def to_its_end(self) -> Self:
        """Refuse a body without its closing boundary: it may lack its last frames."""
        self.stream = self._checked(self.stream)
        return self

    async def _checked(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._complete:
            raise MultiPartException("it ends before its closing boundary")

    def on_headers_finished(self) -> None:
        """Names are UTF-8: multipart/form-data has no charset (RFC 7578, section 5.1.2), and some raise anything."""
        self._charset = "utf-8"
        super().on_headers_finished()

    def on_end(self) -> None:
        """The closing boundary."""
        self._complete = True


async def read_parts(
    request: Request, limit: int, max_parts: int, deadline: float, raw: RawLayout | None, late: Reason
) -> list[Part]:
    """Read the body.

    Args:
        limit: bytes.
        max_parts: of a multipart body.
        deadline: time.monotonic by which the last byte must be here.
        raw: what headerless rows are, if the request says so.
        late: what a body is told that is not here by then.

    Raises:
        ServiceError: too large, too slow, encoded, or not multipart as it says.
    """
    _refuse_encoding(request)
    _refuse_announced_size(request, limit)
    media_type = _media_type(request.headers.get("content-type"))
    arriving = _Arriving(request, limit)
    try:
        async with asyncio.timeout(deadline - time.monotonic()):
            if media_type == MULTIPART:
                return await _read_multipart(request.headers, arriving, max_parts, raw)
            content = await arriving.read()
    except TimeoutError as error:
        raise ServiceError(late, "the body did not arrive in time") from error
    except ClientDisconnect as error:
        raise ServiceError(Reason.REQUEST_TIMEOUT, "the client left before the body was complete") from error
    return [Part(content, media_type, None, _layout_for(media_type, raw))]


async def _read_multipart(headers: Headers, arriving: "_Arriving", max_parts: int, raw: RawLayout | None) -> list[Part]:
    parser = _InMemory(headers, arriving.stream(), max_files=max_parts, max_fields=max_parts).to_its_end()
    try:
        form = await parser.parse()
    except MultiPartException as error:
        if error.message.startswith("Too many"):
            raise ServiceError(Reason.TOO_MANY_FRAMES, f"more than {max_parts} parts") from error
        raise ServiceError(Reason.BAD_PARAMETER, f"not a readable multipart body: {error.message}") from error
    try:
        parts = [await _read_part(name, value, raw) for name, value in form.multi_items()]
    finally:
        await form.close()
    if not parts:
        raise ServiceError(Reason.BAD_PARAMETER, "the multipart body has no part named 'image'")
    return parts


async def _read_part(name: str, value: UploadFile | str, raw: RawLayout | None) -> Part:
    if name not in PART_NAMES:
        raise ServiceError(Reason.BAD_PARAMETER, f"part {name[:64]!r}: frames come in parts named 'image' or 'file'")
    if isinstance(value, str):
        raise ServiceError(Reason.BAD_PARAMETER, f"part {name!r} has no filename, so it is text, not a frame")
    media_type = _media_type(value.content_type)
    content = await value.read()
    await value.close()  # or the body would be in memory twice
    return Part(content, media_type, value.filename or None, _layout_for(media_type, raw))


class _Arriving:
    """A body piece by piece; ``limit`` in bytes."""

    def __init__(self, request: Request, limit: int) -> None:
        self._request, self._limit = request, limit
        self._size, self._more = 0, True

    async def read(self) -> bytes:
        """The whole of it; an asynchronous generator would cost as much as all else that is done here."""
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


def _refuse_encoding(request: Request) -> None:
    encoding = request.headers.get("content-encoding") or "identity"
    if encoding.strip().lower() != "identity":
        raise ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, f"Content-Encoding {encoding[:64]!r}; send the body as it is")


def _too_large(limit: int) -> ServiceError:
    return ServiceError(Reason.BODY_TOO_LARGE, f"the body is larger than {limit} bytes")
