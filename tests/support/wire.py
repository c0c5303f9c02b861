"""Raw connections, for what no HTTP client would send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


@contextmanager
def connection(client: httpx.Client, timeout: float = 20) -> Iterator[socket.socket]:
    """A TCP connection to the server of ``client``."""
    assert client.base_url.port is not None
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout) as opened:
        yield opened


def read_all(opened: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := opened.recv(65536):
        parts.append(part)
    return b"".join(parts)


def free_port() -> int:
    """A port of this machine that no program listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
