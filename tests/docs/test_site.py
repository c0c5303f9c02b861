"""The documents as a site, as ``make docs`` builds it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.service.conftest import browser
from tests.support.paths import DOCS, ROOT
from tests.support.tools import require_module

__all__ = ["browser"]
LOADING = {"src", "srcset", "data", "poster", "action"}  # attributes whose address a browser opens by itself
LINKS = {"canonical", "prev", "next"}  # kinds of <link> that it does not


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the site, and what was printed."""
    require_module("mkdocs")
    require_module("material")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # a notice of the theme about its successor
    made = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder, made.stdout + made.stderr


@pytest.fixture
def address(built: tuple[Path, str]) -> Iterator[str]:
    """Where the site is served."""
    handler = partial(QuietHandler, directory=str(built[0]))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        return


class Loads(HTMLParser):
    """Every address that a browser opens with a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [str(given[name]) for name in LOADING & given.keys()]
        if tag == "link" and given.get("rel") not in LINKS:
            self.addresses.append(str(given["href"]))


def test_the_site_is_built_without_a_warning(built: tuple[Path, str]) -> None:
    folder, printed = built
    assert "WARNING" not in printed
    pages = {str(path.relative_to(DOCS).with_suffix(".html")) for path in DOCS.rglob("*.md")}
    assert pages <= {str(path.relative_to(folder)) for path in folder.rglob("*.html")}


def test_the_first_page_links_every_other_page() -> None:
    linked = set(re.findall(r"\]\(([^)#:]+\.md)", (DOCS / "index.md").read_text()))
    assert linked == {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} - {"index.md"}


def test_the_pages_load_nothing_from_other_hosts(built: tuple[Path, str]) -> None:
    folder, _ = built
    opened = [address for page in folder.rglob("*.html") for address in Loads(page.read_text()).addresses]
    opened += [
        address
        for sheet in folder.rglob("*.css")
        for address in re.findall(r"(?:url\(|@import )['\"]?([^'\")]+)", sheet.read_text())
        if not address.startswith("data:")
    ]
    assert any(address.endswith(".js") for address in opened)
    assert any(address.endswith(".css") for address in opened)
    assert [address for address in opened if urlsplit(address).netloc] == []


def test_the_search_finds_a_setting_and_asks_no_other_host(browser: Browser, address: str) -> None:
    requested: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: requested.append(request.url))
    page.set_default_timeout(60_000)
    page.goto(f"{address}/index.html", wait_until="networkidle")  # the search reads its index after the page's load
    page.locator("input.md-search__input").press_sequentially("RRCANET_CANARY")
    page.locator(".md-search-result__link").first.wait_for()
    links = page.locator(".md-search-result__link").evaluate_all("found => found.map(link => link.href)")
    page.close()
    assert any("reference/settings.html" in link for link in links)
    assert [url for url in requested if not url.startswith((address, f"blob:{address}", "data:"))] == []
