"""No head of a request, however large, slow or broken, holds the server up."""

import json
import logging
import time

import httpx
import pytest

import service.api.connection.protocol
from service.observability.logs import STANDARD_ERROR
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.wire import connection, read_all


@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nCookie: " + b"x" * 10_000_000,
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /v1/detect HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n" + b"a: b\r\n" * 10_000 + b"\r\nhello",
    ],
    ids=["ten thousand headers", "one endless header", "a long path", "headers and a body in one piece"],
)
def test_a_head_that_is_too_large_is_told_so(client: httpx.Client, head: bytes) -> None:
    with connection(client) as opened:
        try:
            opened.sendall(head)
        except OSError:
            pass  # the server has closed, as it should
        else:
            answer = read_all(opened)
            assert b" 431 " in answer.split(b"\r\n")[0]
            assert b'"reason": "headers_too_large"' in answer
    assert client.get("/livez").status_code == 200


def test_a_body_larger_than_a_head_may_be_is_no_head(client: httpx.Client) -> None:
    body = GOOD + bytes(200_000)
    head = f"POST /v1/detect HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    with connection(client) as opened:
        opened.sendall(head.encode() + body)
        assert read_all(opened).startswith(b"HTTP/1.1 200 ")


def test_what_is_no_http_is_told_so_and_so_is_the_operator(
    start_server: StartServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    client = start_server(log_format="json")
    with connection(client) as opened:
        opened.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        head, _, body = read_all(opened).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    metrics = client.get("/metrics").text
    assert 'rrcanet_requests_total{model="",route="unmatched",status="400",version=""} 1.0' in metrics
    assert 'rrcanet_rejected_total{reason="bad_parameter"} 1.0' in metrics
    STANDARD_ERROR.flush()
    lines = [line for line in capsys.readouterr().err.splitlines() if json.loads(body)["request_id"] in line]
    assert [json.loads(line)["message"] for line in lines] == ["- unmatched 400"]


def test_a_head_that_does_not_arrive_is_not_waited_for(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.api.connection.protocol, "HEAD_TIMEOUT_S", 0.5)
    for beginning in (b"", b"GET /livez HTT", b"GET /livez HTTP/1.1\r\nHost: x\r\na: "):
        with connection(client) as opened:
            opened.sendall(beginning)
            began = time.monotonic()
            assert read_all(opened) == b""
            assert 0.3 < time.monotonic() - began < 5


def test_a_connection_that_was_answered_may_stay(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.api.connection.protocol, "HEAD_TIMEOUT_S", 0.5)
    with connection(client) as opened:
        for _ in range(3):
            opened.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
            assert opened.recv(65536).startswith(b"HTTP/1.1 200 ")
            time.sleep(0.7)


def test_line_ends_after_an_answer_keep_no_connection(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.api.connection.protocol, "HEAD_TIMEOUT_S", 0.5)
    with connection(client) as opened:
        opened.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert opened.recv(65536).startswith(b"HTTP/1.1 200 ")
        opened.sendall(b"\r\n")
        assert read_all(opened) == b""
