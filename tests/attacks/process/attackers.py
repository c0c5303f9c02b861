"""Clients that mean harm. Each attacks the server of a client while its block runs."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

import httpx

from tests.support.frames import GOOD
from tests.support.wire import connection, read_all

HEAD = f"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: {len(GOOD)}\r\n\r\n".encode()
AGAIN_S = 0.25  # after a refusal
BODY = 33_554_432  # the default of MAX_BODY_BYTES
Attack = Callable[[httpx.Client], AbstractContextManager[None]]


def head(size: int, path: str = "/v1/detect?mask=none", **headers: str) -> bytes:
    """The headers of a request with a body of so many bytes."""
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n{''.join(lines)}\r\n".encode()


@contextmanager
def repeating(step: Callable[[threading.Event], object], threads: int, again_s: float = AGAIN_S) -> Iterator[None]:
    """Threads that do a step again and again; a connection that the server ends is no fault."""
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            with suppress(OSError):
                step(stop)
            stop.wait(again_s)

    running = [threading.Thread(target=repeat) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in running:
            thread.join()


@contextmanager
def silent(client: httpx.Client) -> Iterator[None]:
    """Connections that come and say nothing, more than may be open."""
    with ExitStack() as stack, repeating(lambda _: stack.enter_context(connection(client)), 2, again_s=0.002):
        yield


@contextmanager
def half_sent(client: httpx.Client) -> Iterator[None]:
    """Bodies that stop half way."""
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connection(client)).sendall(HEAD + GOOD[:100])
        yield


def trickling(client: httpx.Client, count: int, every_s: float = 0.1) -> AbstractContextManager[None]:
    """So many clients that send a byte at a time, and begin again after a refusal."""

    def trickle(stop: threading.Event) -> None:
        with connection(client, every_s) as opened:
            opened.sendall(HEAD)
            for start in range(len(GOOD)):
                opened.sendall(GOOD[start : start + 1])
                if stop.is_set() or is_answered(opened):
                    break

    return repeating(trickle, count)


def one_byte(client: httpx.Client) -> AbstractContextManager[None]:
    """70 bodies of one byte a second."""
    return trickling(client, 70, 1.0)


def is_answered(opened: socket.socket) -> bool:
    """Whether an answer comes before the timeout of the connection."""
    try:
        return bool(opened.recv(65_536))
    except TimeoutError:
        return False


def stalled(client: httpx.Client) -> AbstractContextManager[None]:
    """Bodies of the largest size that lack their last byte, more than there is room for."""
    message = head(BODY) + bytes(BODY - 1)

    def send(stop: threading.Event) -> None:
        with connection(client, 0.5) as opened:
            opened.sendall(message)
            while not (stop.is_set() or is_answered(opened)):
                pass

    return repeating(send, 12)


@contextmanager
def unread(client: httpx.Client) -> Iterator[None]:
    """Clients that ask for an answer of 6.5 MB and read none of it: one more every few milliseconds."""
    side = 1280
    text = (
        f'{{"inputs":[{{"name":"intensities","shape":[1,1,{side},{side}],"datatype":"FP32",'
        f'"parameters":{{"binary_data_size":{4 * side * side}}}}}],'
        '"outputs":[{"name":"probabilities","parameters":{"binary_data":true}}]}'
    ).encode()
    body = text + bytes(4 * side * side)
    message = head(len(body), "/v2/models/small/infer", Inference_Header_Content_Length=str(len(text))) + body

    with ExitStack() as stack:

        def send(_: threading.Event) -> None:
            opened = stack.enter_context(socket.socket())
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            opened.settimeout(20)
            opened.connect((client.base_url.host, client.base_url.port))
            opened.sendall(message)
            opened.recv(100)

        with repeating(send, 2, again_s=0.02):
            yield


def bodies(*sent: bytes, threads: int = 2, query: str = "mask=none", **headers: str) -> Attack:
    """Clients that send the same bodies again and again."""
    path = f"/v1/detect?{query}"
    messages = [head(len(one), path, Connection="close", **headers) + one for one in sent]

    def attack(client: httpx.Client) -> AbstractContextManager[None]:
        def send(_: threading.Event) -> None:
            for message in messages:
                with connection(client) as opened:
                    opened.sendall(message)
                    read_all(opened)

        return repeating(send, threads)

    return attack
