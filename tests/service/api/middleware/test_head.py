"""``HEAD`` as monitors send it: what ``GET`` answers, without the body (RFC 9110, section 9.3.2)."""

from pathlib import Path

import httpx
import pytest

from service.keys import hash_of
from tests.service.api.test_health import value
from tests.support.server import StartServer
from tests.support.wire import connection, read_all

OWN = {"date", "x-request-id"}  # of each answer
PATHS = [
    "/",
    "/livez",
    "/readyz",
    "/docs",
    "/docs/swagger-ui.css",
    "/openapi.json",
    "/v1/limits",
    "/v1/models",
    "/v1/models/rrcanet",
    "/v1/models/nope",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models/rrcanet",
    "/v2/models/rrcanet/versions/1/ready",
    "/v2/models/nope",
    "/nowhere",
]


def headers_of(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name not in OWN}


@pytest.mark.parametrize("path", PATHS)
def test_head_answers_as_get_does_without_the_body(client: httpx.Client, path: str) -> None:
    got, asked = client.get(path), client.head(path)
    assert (asked.status_code, asked.content) == (got.status_code, b"")
    assert headers_of(asked) == headers_of(got)
    assert asked.headers["x-request-id"]


def test_metrics_may_have_grown_between_the_two(client: httpx.Client) -> None:
    asked = client.head("/metrics")
    assert (asked.status_code, asked.content) == (200, b"")
    assert headers_of(asked).keys() == headers_of(client.get("/metrics")).keys()


def test_no_byte_of_a_body_follows_the_head(client: httpx.Client) -> None:
    with connection(client) as opened:
        opened.sendall(
            b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\nHEAD /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        page, nowhere, rest = read_all(opened).split(b"\r\n\r\n")
    assert page.startswith(b"HTTP/1.1 200")
    assert nowhere.startswith(b"HTTP/1.1 404")
    assert rest == b""


def test_it_is_counted_under_its_route(client: httpx.Client) -> None:
    for path, route in (("/livez", "/livez"), ("/v1/models/rrcanet", "/v1/models/{name}")):
        before = value(client, "rrcanet_requests_total", route=route, status="200")
        client.head(path)
        assert value(client, "rrcanet_requests_total", route=route, status="200") == before + 1


def test_a_key_is_wanted_where_get_wants_one(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    for path in ("/", "/livez", "/readyz", "/v2/health/ready"):
        assert client.head(path).status_code == 200, path
    for path in ("/metrics", "/v1/models", "/v2/models/rrcanet"):
        refused = client.head(path)
        assert (refused.status_code, refused.content) == (401, b"")
        assert refused.headers["www-authenticate"]
        assert client.head(path, headers={"X-API-Key": "secret"}).status_code == 200, path


def test_allow_names_it_where_it_is_allowed(client: httpx.Client) -> None:
    for path in ("/", "/livez", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/v1/models", "/v2/health/live"):
        refused = client.post(path)
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD"), path
    refused = client.head("/v1/detect")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")


def test_the_document_names_methods_as_a_client_needs_them(client: httpx.Client) -> None:
    assert not any("head" in operations for operations in client.get("/openapi.json").json()["paths"].values())
