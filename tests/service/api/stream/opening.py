"""Streams as clients open them."""

import json
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from typing import Any

import httpx
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection, connect


def open_stream(client: httpx.Client, query: str = "", **headers: str) -> AbstractContextManager[ClientConnection]:
    """A stream of the server of ``client``."""
    address = client.base_url.copy_with(scheme="ws", path="/v1/stream")
    return connect(f"{address}{query}", additional_headers=headers, max_size=None)


def one_by_one(stream: ClientConnection, bodies: Iterable[bytes]) -> list[dict[str, Any]]:
    """The answers to frames, each sent after the answer to the one before, so that none is dropped."""
    answers = []
    for body in bodies:
        stream.send(body)
        answers.append(json.loads(stream.recv(30)))
    return answers


def rest(stream: ClientConnection) -> list[dict[str, Any]]:
    """All answers until the server closes, for whatever reason."""
    answers = []
    with suppress(ConnectionClosedError):
        for text in stream:
            answers.append(json.loads(text))
    return answers
