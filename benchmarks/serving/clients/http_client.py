"""HTTP/1.1 as lean as a load generator needs it: requests are bytes made before, answers are read by their length."""

import asyncio
from dataclasses import dataclass
from typing import NamedTuple

PATIENCE_S = 60.0


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


class Refused(Exception):
    """No connection was made, so nothing was sent."""


class Lost(Exception):
    """A connection was made and no whole answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of headers are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Stream:
    """A connection, for one request after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, address: Address) -> "Stream":
        """Connect.

        Raises:
            Refused: nobody listens.
        """
        try:
            return cls(*await asyncio.open_connection(*address))
        except OSError as fault:
            raise Refused(str(fault)) from fault

    async def send(self, request: bytes) -> Answer:
        """Send, and wait for the answer.

        Raises:
            Lost: the connection ended first, or nothing came for a minute.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                self._writer.write(request)
                return await self._read()
        except (OSError, EOFError) as fault:  # TimeoutError is one of them
            raise Lost(type(fault).__name__) from fault

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    async def _read(self) -> Answer:
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        return Answer(int(first.split(" ")[1]), headers, body)


async def ask(address: Address, request: bytes) -> Answer:
    """One request on a connection of its own.

    Raises:
        Refused, Lost: there is no answer.
    """
    stream = await Stream.open(address)
    try:
        return await stream.send(request)
    finally:
        stream.close()


async def hang_up(address: Address, content: bytes, after_s: float) -> None:
    """Send, and leave without waiting for an answer."""
    _, writer = await asyncio.open_connection(*address)
    writer.write(content)
    await asyncio.sleep(after_s)
    writer.transport.abort()
