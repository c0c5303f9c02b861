"""One browser for all tests of the page."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.service.web.look import DESKTOP, new_tab, watched
from tests.support.tools import chromium


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def address(client: httpx.Client) -> str:
    """Of a server with default settings."""
    return str(client.base_url)


@pytest.fixture(scope="package")
def tab(browser: Browser) -> Iterator[Page]:
    """A tab that tests share, since a new one takes a second; each test loads the page anew."""
    with new_tab(browser) as tab:
        yield tab


@pytest.fixture
def page(tab: Page, address: str) -> Iterator[Page]:
    """The page of a server that needs no key."""
    tab.set_viewport_size(DESKTOP)
    with watched(tab, address):
        yield tab


@pytest.fixture
def faulty(tab: Page, address: str) -> Iterator[Page]:
    """The same for tests whose requests fail."""
    tab.set_viewport_size(DESKTOP)
    with watched(tab, address, may_fail=True):
        yield tab
    tab.unroute_all()
