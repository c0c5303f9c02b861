"""``/docs`` in a network that reaches nothing else."""

import re
from urllib.parse import urljoin

import httpx
import pytest

ADDRESS = re.compile(r"""(?:src|href)="([^"]*)"|url: '([^']*)'""")


def addresses(page: httpx.Response) -> list[str]:
    """Everything that a browser would load."""
    return [first or second for first, second in ADDRESS.findall(page.text)]


def test_the_page_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert not re.search(r"(https?:)?//\w", page.text), "an address of another host"
    found = addresses(page)
    assert {"docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "openapi.json"} <= set(found)
    for address in found:
        if not address.startswith("data:"):
            loaded = client.get(urljoin(str(page.url), address))
            assert (loaded.status_code, len(loaded.content) > 10_000) == (200, True), address


@pytest.mark.parametrize(
    ("asset", "media_type"), [("swagger-ui-bundle.js", "text/javascript"), ("swagger-ui.css", "text/css")]
)
def test_what_it_loads_is_kept_by_browsers(client: httpx.Client, asset: str, media_type: str) -> None:
    loaded = client.get(f"/docs/{asset}")
    assert loaded.headers["content-type"].startswith(media_type)
    again = client.get(f"/docs/{asset}", headers={"If-None-Match": loaded.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_document_is_not_sent_to_a_validator_elsewhere(client: httpx.Client) -> None:
    assert '"validatorUrl": "none"' in client.get("/docs").text


@pytest.mark.parametrize("path", ["/redoc", "/docs/nothing", "/docs/../app.py", "/docs/%2e%2e/__init__.py"])
def test_there_is_nothing_else(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")
