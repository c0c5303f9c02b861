"""Every answer tells browsers what they may do with it."""

import httpx
import pytest

from tests.support.frames import GOOD
from tests.support.wire import connection, read_all

PAGES = ("/", "/docs")
ANSWERS = (
    *PAGES,
    *("/openapi.json", "/docs/swagger-ui-bundle.js", "/page/page.js", "/metrics", "/livez", "/readyz"),
    *("/v1/models", "/v1/models/rrcanet", "/v2", "/v2/models/rrcanet", "/v2/health/ready"),
    *("/nothing", "/v2/nothing", "/redoc", "/v1/detect", "/page/nothing.js"),
)


def policy_of(answer: httpx.Response) -> dict[str, str]:
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    (policy,) = answer.headers.get_list("content-security-policy")
    words = [directive.split(maxsplit=1) for directive in policy.split(";")]
    return {name: "".join(sources) for name, *sources in words}


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_answer_has_a_policy(client: httpx.Client, method: str, path: str) -> None:
    policy = policy_of(client.request(method, path))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert ("script-src" in policy) is (path in PAGES and method != "POST")
    assert "'unsafe-inline'" not in policy.get("script-src", "")


@pytest.mark.parametrize("query", ["", "?mask=png", "?nonsense=1"])
def test_detections_and_their_errors_have_one(client: httpx.Client, query: str) -> None:
    policy_of(client.post(f"/v1/detect{query}", content=GOOD))
    policy_of(client.post(f"/v1/detect{query}", content=GOOD, headers={"Accept": "image/png"}))


@pytest.mark.parametrize("sent", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n"])
def test_what_is_refused_before_it_is_a_request_has_one(client: httpx.Client, sent: bytes) -> None:
    with connection(client) as opened:
        opened.sendall(sent)
        head = read_all(opened).lower().split(b"\r\n\r\n")[0]
    assert b"\r\nx-content-type-options: nosniff" in head
    assert b"\r\ncontent-security-policy: default-src 'none'" in head
