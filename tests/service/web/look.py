"""What a person does on the page and sees there."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, FilePayload, FloatRect, Locator, Page, ViewportSize, expect

PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=800)

expect.set_options(timeout=15_000)  # milliseconds: machines are shared


@contextmanager
def opened(browser: Browser, address: str, may_fail: bool = False, **context: Any) -> Iterator[Page]:
    """The page in a fresh profile of the browser; see ``watched``."""
    with new_tab(browser, **context) as page, watched(page, address, may_fail):
        yield page


@contextmanager
def new_tab(browser: Browser, **context: Any) -> Iterator[Page]:
    """A tab of a fresh profile, which may use the clipboard."""
    profile = browser.new_context(**{"viewport": DESKTOP, **context})
    profile.grant_permissions(["clipboard-read", "clipboard-write"])
    page = profile.new_page()
    page.set_default_timeout(15_000)
    yield page
    profile.close()


@contextmanager
def watched(page: Page, address: str, may_fail: bool = False) -> Iterator[None]:
    """Load the page; nothing but this server is asked, and the console stays empty.

    Args:
        page: a tab.
        address: of the page.
        may_fail: some requests are refused, which Chromium writes to the console.
    """
    faults: list[str] = []
    listeners = {
        "pageerror": lambda error: faults.append(str(error)),
        "console": lambda said: faults.append(said.text),
        "request": lambda request: None if _is_own(request.url, address) else faults.append(request.url),
    }
    for event, listener in listeners.items():
        page.on(event, listener)  # type: ignore[call-overload]
    page.goto(address)
    yield
    for event, listener in listeners.items():
        page.remove_listener(event, listener)
    assert [fault for fault in faults if not (may_fail and fault.startswith("Failed to load resource"))] == []


def _is_own(url: str, address: str) -> bool:
    return url.startswith((address, "data:", f"blob:{address}"))


def choose(page: Page, *files: tuple[str, bytes]) -> None:
    """Open files, and wait until the first one is shown."""
    offer(page, *files)
    shows(page, files[0][0])


def offer(page: Page, *files: tuple[str, bytes]) -> None:
    """Open files."""
    page.locator("#files").set_input_files([FilePayload(name=name, mimeType="", buffer=body) for name, body in files])


def shows(page: Page, text: str) -> None:
    expect(status(page)).to_contain_text(text)
    expect(page.locator("body")).not_to_have_class("busy")


def status(page: Page) -> Locator:
    return page.locator("#status")


def rows(page: Page) -> list[list[str]]:
    """The cells of the table that are shown, as text."""
    cells: list[list[str]] = page.locator("#targets tbody").evaluate(
        "(body) => [...body.rows].map((row) => [...row.cells].filter((one) => !one.hidden).map((one) => one.innerText))"
    )
    return cells


def row_of(target: dict[str, Any]) -> list[str]:
    """The first cells of a target of an answer."""
    centroid = target["centroid"]
    numbers = (f"{target['confidence']:.2f}", f"{centroid['x']:.1f}", f"{centroid['y']:.1f}", str(target["area"]))
    return [str(target["id"]), *numbers]


def assert_shown(page: Page, targets: list[dict[str, Any]]) -> None:
    """The table has the targets of an answer, and no others."""
    expect(page.locator("#targets tbody tr")).to_have_count(len(targets))
    assert [row[:5] for row in rows(page)] == [row_of(target) for target in targets]


def box_of(element: Locator) -> FloatRect:
    """Where an element is on the screen: x, y, width and height in pixels of the window."""
    box = element.bounding_box()
    assert box is not None, "it is not shown"
    return box


def markers(page: Page) -> list[FloatRect]:
    """The boxes of all markers, read in one step: the page may draw them anew at any moment."""
    boxes: list[FloatRect] = page.locator("#markers .marker").evaluate_all(
        """markers => markers.map(marker => {
            const { x, y, width, height } = marker.getBoundingClientRect();
            return { x, y, width, height };
        })"""
    )
    return boxes


def set_slider(page: Page, name: str, value: float) -> None:
    """As a hand that drags the slider leaves it."""
    page.locator(name).evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input', { bubbles: true })); }",
        value,
    )


def screen(page: Page) -> NDArray[np.uint8]:
    """The window ``[H, W, 3]``."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))


def asked(client: httpx.Client, body: bytes, **query: Any) -> list[dict[str, Any]]:
    """What the service answers of every frame of a file."""
    answer = client.post("/v1/detect", params=query, files={"image": ("a", body)})
    frames: list[dict[str, Any]] = answer.raise_for_status().json()["frames"]
    return frames


def write(folder: Path, name: str, body: bytes) -> Path:
    path = folder / name
    path.write_bytes(body)
    return path
