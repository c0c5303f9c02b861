"""The playground page in a real browser: what a person who chooses a frame sees."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Page, expect

from service.keys import hash_of
from tests import frames
from tests.conftest import StartServer
from tests.scenes import make_scene

SCENE = make_scene(3, 96, 128, targets=2)
RED = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) count += data[i] > data[i + 1] + 100 ? 1 : 0;
    return count;
}"""
BRIGHTEST = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let best = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 2] > data[best + 2]) best = i; // boxes have little blue
    return [best / 4 % canvas.width, Math.floor(best / 4 / canvas.width)];
}"""


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """The page of a server that asks for no key."""
    with opened(browser, client) as page:
        yield page


@contextmanager
def opened(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """The page, opened; the browser may complain about nothing, and no other host may be asked for anything."""
    faults: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if _is_own(request.url, client) else faults.append(request.url))
    page.goto(str(client.base_url))
    yield page
    page.close()
    assert faults == []


def _is_own(url: str, client: httpx.Client) -> bool:
    return url.startswith((str(client.base_url), "data:", f"blob:{client.base_url}"))


def choose(page: Page, folder: Path, name: str, body: bytes) -> None:
    (folder / name).write_bytes(body)
    page.get_by_label("Frame").set_input_files(folder / name)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("frame.png", frames.png(SCENE.counts(8))),
        ("deep.png", frames.png(SCENE.counts(14))),
        ("deep.tiff", frames.tiff(SCENE.counts(14))),
        ("deep.npy", frames.npy(SCENE.counts(14))),
    ],
)
def test_a_chosen_frame_is_shown_with_its_targets(
    page: Page, client: httpx.Client, tmp_path: Path, name: str, body: bytes
) -> None:
    targets = client.post("/v1/detect", files={"image": (name, body)}).json()["frames"][0]["targets"]
    assert targets
    choose(page, tmp_path, name, body)
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    rows = page.locator("#targets tbody tr")
    expect(rows).to_have_count(len(targets))
    shown = [cell.inner_text() for cell in rows.first.locator("td").all()]
    first = targets[0]
    centroid = first["centroid"]
    assert shown == [
        str(first["id"]),
        f"{first['confidence']:.2f}",
        f"{centroid['x']:.1f}",
        f"{centroid['y']:.1f}",
        str(first["area"]),
    ]
    view = page.locator("#view")
    expect(view).to_be_visible()
    assert (view.get_attribute("width"), view.get_attribute("height")) == ("128", "96")
    assert page.eval_on_selector("#view", RED) >= 12 * len(targets)  # a box around each


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_a_turned_picture_is_shown_as_sent(page: Page, tmp_path: Path, form: str, orientation: int) -> None:
    pixels = np.full((96, 128), 20, np.uint8)
    pixels[10:13, 100:103] = 150
    pixels[11, 101] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, quality=100, exif=exif)
    choose(page, tmp_path, f"turned.{form.lower()}", buffer.getvalue())
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    expect(page.locator("#view")).to_be_visible()
    x, y = page.eval_on_selector("#view", BRIGHTEST)
    assert abs(x - 101) <= 1
    assert abs(y - 11) <= 1


def test_a_bad_page_is_named_and_the_next_one_shown(page: Page, tmp_path: Path) -> None:
    bad = np.full((96, 128), np.nan, np.float32)
    choose(page, tmp_path, "pages.tiff", frames.tiff(bad, SCENE.counts(14)))
    expect(page.get_by_role("alert")).to_have_text("frame 1: every pixel is NaN or infinite")
    expect(page.get_by_role("status")).to_contain_text("frame 2 of 2: ")
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    expect(page.locator("#view")).to_be_visible()


def test_a_frame_that_cannot_be_read_is_named(page: Page, tmp_path: Path) -> None:
    choose(page, tmp_path, "half.png", frames.png(SCENE.counts(8))[:300])
    expect(page.get_by_role("alert")).to_contain_text("truncated or damaged PNG data")
    expect(page.locator("#view")).to_be_hidden()
    choose(page, tmp_path, "whole.png", frames.png(SCENE.counts(8)))
    expect(page.get_by_role("alert")).to_have_text("")
    expect(page.locator("#view")).to_be_visible()


def test_a_key_is_asked_for_once_the_service_wants_one(
    browser: Browser, start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "keys.txt").write_text(f"visitor {hash_of('open sesame')}\n")
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    with opened(browser, client) as page:
        field = page.get_by_label("API key")
        expect(field).to_be_hidden()
        choose(page, tmp_path, "frame.png", frames.png(SCENE.counts(8)))
        expect(page.get_by_role("alert")).to_contain_text("a valid key is needed")
        field.fill("open barley")
        field.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("a valid key is needed")
        field.fill("open sesame")
        field.press("Enter")
        expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
        expect(page.get_by_role("alert")).to_have_text("")
        choose(page, tmp_path, "another.png", frames.png(SCENE.counts(8)))
        expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def test_no_key_is_asked_for_where_none_is_needed(page: Page, tmp_path: Path) -> None:
    choose(page, tmp_path, "frame.png", frames.png(SCENE.counts(8)))
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    expect(page.get_by_label("API key")).to_be_hidden()
