"""A small HTTP/1.1 client for load generators: requests are ready-made bytes, answers have a ``Content-Length``."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

TIMEOUT_S = 60.0


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class Refused(Exception):
    """No connection was made, so nothing was sent."""


class Lost(Exception):
    """A connection was made, but no complete answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Stream:
    """A connection that sends one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, address: Address) -> "Stream":
        """Connect.

        Raises:
            Refused: no server listens there.
        """
        try:
            return cls(*await asyncio.open_connection(*address))
        except OSError as fault:
            raise Refused(str(fault)) from fault

    async def send(self, request: bytes) -> Answer:
        """Send a request and wait for the answer.

        Raises:
            Lost: the connection ended first, or no complete answer came within a minute.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                self._writer.write(request)
                return await self._read()
        except (OSError, EOFError) as fault:  # TimeoutError is one of them
            raise Lost(type(fault).__name__) from fault

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()

    async def _read(self) -> Answer:
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split(" ")[1]), headers, body)


async def ask(address: Address, request: bytes) -> Answer:
    """Send one request on a new connection.

    Raises:
        Refused, Lost: there is no answer.
    """
    stream = await Stream.open(address)
    try:
        return await stream.send(request)
    finally:
        stream.close()


async def hang_up(address: Address, content: bytes, after_s: float) -> None:
    """Send, then reset the connection after so many seconds without reading an answer."""
    _, writer = await asyncio.open_connection(*address)
    writer.write(content)
    await asyncio.sleep(after_s)
    writer.transport.abort()
