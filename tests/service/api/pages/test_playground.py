"""The route of the page at ``/`` and of its files; ``tests/service/web`` opens the page in a browser."""

import re

import httpx
import pytest

from service.api.pages.playground import LOADED, WEB
from tests.support.paths import ROOT

MOST_FILES = 14  # beside each other


def test_the_page_runs_its_own_scripts_alone_and_asks_for_them_again(client: httpx.Client) -> None:
    page = client.get("/")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    script = client.get("/page/page.js")
    assert script.headers["content-type"].partition(";")[0] in {"text/javascript", "application/javascript"}
    assert script.headers["cache-control"] == "no-cache"
    again = client.get("/page/page.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


@pytest.mark.parametrize(
    "name", ["index.html", "nothing.js", "viewer", "viewer/", "viewer/nothing.js", "..%2F__init__.py"]
)
def test_nothing_else_is_served_beside_the_page(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")


def test_every_file_of_the_folder_is_served(client: httpx.Client) -> None:
    folder = ROOT / "service" / "web"
    assert {f"/page/{path.relative_to(folder)}" for path in folder.rglob("*.*") if path.suffix != ".html"} == LOADED
    for address in sorted(LOADED):
        assert client.head(address).status_code == 200, address


def test_scripts_load_in_one_round(client: httpx.Client) -> None:
    named = re.findall(r'rel="modulepreload" href="([^"]+)"', client.get("/").text)
    assert {f"/{address}" for address in named} == {one for one in LOADED if one.endswith(".js")} - {"/page/page.js"}


def test_no_folder_of_the_page_has_many_files() -> None:
    folder = ROOT / "service" / "web"
    sizes = {
        path: sum(one.is_file() for one in path.iterdir()) for path in (folder, *folder.iterdir()) if path.is_dir()
    }
    assert max(sizes.values()) <= MOST_FILES, sizes
    assert WEB.joinpath("index.html").is_file()
