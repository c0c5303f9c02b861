"""The playground page in a real browser: what a person who chooses a frame sees."""

import base64
import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Page, expect

from intensity import Range, to_intensity
from service.keys import hash_of
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.server import StartServer

SCENE = make_scene(3, 96, 128, targets=2)
GRAYS = """(canvas) => Array.from(
    canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.filter((_, i) => i % 4 === 0)
)"""
BRIGHTEST = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let best = 0;
    for (let i = 0; i < data.length; i += 4) if (data[i + 2] > data[best + 2]) best = i;
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
    page.on("console", lambda said: faults.append(said.text) if "Content Security Policy" in said.text else None)
    page.on("request", lambda request: None if _is_own(request.url, client) else faults.append(request.url))
    page.goto(str(client.base_url))
    yield page
    page.close()
    assert faults == []


def _is_own(url: str, client: httpx.Client) -> bool:
    return url.startswith((str(client.base_url), "data:", f"blob:{client.base_url}"))


def choose(page: Page, folder: Path, name: str, body: bytes) -> None:
    (folder / name).write_bytes(body)
    page.get_by_label("Frame", exact=True).set_input_files(folder / name)


def shown(page: Page) -> NDArray[np.uint8]:
    """Red of every pixel of the picture."""
    width, height = (int(page.locator("#view").get_attribute(side) or 0) for side in ("width", "height"))
    return np.array(page.eval_on_selector("#view", GRAYS), np.uint8).reshape(height, width)


def asked(client: httpx.Client, name: str, body: bytes, **query: str | float) -> list[dict[str, Any]]:
    """What the service answers of every frame of a file."""
    frames: list[dict[str, Any]] = client.post("/v1/detect", params=query, files={"image": (name, body)}).json()[
        "frames"
    ]
    return frames


def assert_stretched(page: Page, counts: NDArray[np.generic], span: list[float]) -> None:
    """The picture is what the network reads, as gray."""
    np.testing.assert_allclose(shown(page), to_intensity(counts, Range(*span)), atol=1)


def gray_png(counts: NDArray[np.generic], filters: str = "01234", chunk: int = 1000) -> bytes:
    """PNG whose rows take turns at ``filters``, in several chunks of data."""
    height, width = counts.shape
    size = counts.dtype.itemsize
    rows = counts.astype(counts.dtype.newbyteorder(">")).view(np.uint8).reshape(height, width * size).astype(np.int64)
    left, above = np.roll(rows, size, 1), np.roll(rows, 1, 0)
    left[:, :size], above[0] = 0, 0
    corner = np.roll(left, 1, 0)
    corner[0] = 0
    near = left + above - corner
    far = [abs(near - one) for one in (left, above, corner)]
    paeth = np.where((far[0] <= far[1]) & (far[0] <= far[2]), left, np.where(far[1] <= far[2], above, corner))
    expected = (np.zeros_like(rows), left, above, (left + above) // 2, paeth)
    packed = b"".join(
        bytes([kind]) + ((rows[y] - expected[kind][y]) % 256).astype(np.uint8).tobytes()
        for y, kind in enumerate(int(filters[y % len(filters)]) for y in range(height))
    )
    return png_file(width, height, 8 * size, zlib.compress(packed), chunk=chunk)


def interlaced_png(pixels: NDArray[np.uint8]) -> bytes:
    """PNG of the seven passes of Adam7, unfiltered."""
    passes = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
    parts = (pixels[y::down, x::right] for x, y, right, down in passes)
    packed = b"".join(b"\0" + row.tobytes() for part in parts for row in part)
    return png_file(pixels.shape[1], pixels.shape[0], 8, zlib.compress(packed), interlaced=1)


def png_file(width: int, height: int, bits: int, data: bytes, interlaced: int = 0, chunk: int = 2**31) -> bytes:
    """Gray PNG of compressed rows."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, interlaced)
    chunks = [
        (b"IHDR", header),
        *((b"IDAT", data[at : at + chunk]) for at in range(0, len(data), chunk)),
        (b"IEND", b""),
    ]
    packed = (
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def strips_tiff(counts: NDArray[np.generic], **options: Any) -> bytes:
    """TIFF of strips of seven rows, as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(counts).save(buffer, "TIFF", strip_size=7 * counts[0].nbytes, **options)
    return buffer.getvalue()


def white_is_zero(counts: NDArray[np.generic]) -> bytes:
    """TIFF whose darkest count is shown as white."""
    photometric = "0601 0300 01000000"
    return frames.tiff(counts).replace(bytes.fromhex(photometric + "0100"), bytes.fromhex(photometric + "0000"))


DEEP = SCENE.counts(14)
READ_HERE = [
    ("frame.png", frames.png(SCENE.counts(8)), SCENE.counts(8)),
    ("deep.png", frames.png(DEEP), DEEP),
    ("filtered.png", gray_png(SCENE.counts(8)), SCENE.counts(8)),
    ("deep-filtered.png", gray_png(DEEP), DEEP),
    ("frame.tiff", frames.tiff(SCENE.counts(8)), SCENE.counts(8)),
    ("deep.tiff", frames.tiff(DEEP), DEEP),
    ("big-endian.tiff", frames.tiff(DEEP, big_endian=True), DEEP),
    ("strips.tiff", strips_tiff(DEEP), DEEP),
    ("float.tiff", frames.tiff(DEEP.astype(np.float32)), DEEP),
    ("signed.tiff", frames.tiff(DEEP.astype(np.int32) - 5000), DEEP.astype(np.int32) - 5000),
    ("turned.tiff", white_is_zero(65535 - DEEP), DEEP),
    ("turned-8.tiff", white_is_zero(255 - SCENE.counts(8)), SCENE.counts(8)),
    ("frame.npy", frames.npy(SCENE.counts(8)), SCENE.counts(8)),
    ("deep.npy", frames.npy(DEEP), DEEP),
    ("big-endian.npy", frames.npy(DEEP.astype(">u2")), DEEP),
    ("fortran.npy", frames.npy(np.asfortranarray(DEEP)), DEEP),
    ("float.npy", frames.npy(DEEP.astype(np.float32)), DEEP),
]


@pytest.mark.parametrize(("name", "body", "counts"), READ_HERE, ids=[name for name, *_ in READ_HERE])
def test_a_chosen_frame_is_shown_with_its_targets(
    page: Page, client: httpx.Client, tmp_path: Path, name: str, body: bytes, counts: NDArray[np.generic]
) -> None:
    (frame,) = asked(client, name, body)
    targets = frame["targets"]
    assert targets
    choose(page, tmp_path, name, body)
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    rows = page.locator("#targets tbody tr")
    expect(rows).to_have_count(len(targets))
    first = targets[0]
    centroid = first["centroid"]
    assert [cell.inner_text() for cell in rows.first.locator("td").all()] == [
        str(first["id"]),
        f"{first['confidence']:.2f}",
        f"{centroid['x']:.1f}",
        f"{centroid['y']:.1f}",
        str(first["area"]),
    ]
    expect(page.locator("#view")).to_be_visible()
    expect(page.locator("#caption")).to_contain_text(f"{name}: counts, ")
    assert_stretched(page, counts, frame["input"]["range"])
    assert_boxed(page, targets)


def assert_boxed(page: Page, targets: list[dict[str, Any]]) -> None:
    """A box around each target, a few pixels of the screen outside of it, with its confidence."""
    boxes = page.locator(".box")
    expect(boxes).to_have_text([f"{target['confidence']:.2f}" for target in targets])
    view = page.locator("#view").bounding_box()
    assert view is not None
    scale = view["width"] / 128
    for box, target in zip(boxes.all(), targets, strict=True):
        place, bbox = box.bounding_box(), target["bbox"]
        assert place is not None
        assert place["x"] == pytest.approx(view["x"] + bbox["x"] * scale - 5, abs=1)
        assert place["y"] == pytest.approx(view["y"] + bbox["y"] * scale - 5, abs=1)
        assert place["width"] == pytest.approx(bbox["width"] * scale + 10, abs=1)
        assert place["height"] == pytest.approx(bbox["height"] * scale + 10, abs=1)


def test_invalid_pixels_are_black(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    counts = DEEP.astype(np.float32)
    counts[40:44, 50:60] = np.nan
    body = frames.npy(counts)
    choose(page, tmp_path, "holes.npy", body)
    expect(page.locator("#caption")).to_contain_text("counts, ")
    assert_stretched(page, counts, asked(client, "holes.npy", body)[0]["input"]["range"])


def colour(form: str) -> bytes:
    pixels = np.repeat(SCENE.counts(8)[..., None], 3, axis=2)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, quality=100)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("interlaced.png", interlaced_png(SCENE.counts(8))),
        ("colour.png", colour("PNG")),
        ("colour.jpeg", colour("JPEG")),
        ("frame.bmp", frames.bmp(SCENE.counts(8))),
    ],
)
def test_other_pictures_are_shown_as_the_browser_draws_them(page: Page, tmp_path: Path, name: str, body: bytes) -> None:
    choose(page, tmp_path, name, body)
    expect(page.locator("#caption")).to_have_text(f"{name}: as drawn by the browser")
    np.testing.assert_allclose(shown(page), SCENE.counts(8), atol=4)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("packed.tiff", strips_tiff(DEEP, compression="tiff_adobe_deflate")),
        ("colour.tiff", colour("TIFF")),
    ],
)
def test_the_mask_is_shown_of_what_no_browser_draws(
    page: Page, client: httpx.Client, tmp_path: Path, name: str, body: bytes
) -> None:
    choose(page, tmp_path, name, body)
    expect(page.locator("#caption")).to_contain_text("mask only")
    mask = Image.open(io.BytesIO(base64.b64decode(asked(client, name, body)[0]["mask"]["data"])))
    np.testing.assert_array_equal(shown(page), np.asarray(mask))


OTHER = make_scene(4, 96, 128, targets=1).counts(14)
THIRD = make_scene(5, 80, 100, targets=3).counts(14)


@pytest.mark.parametrize(
    ("name", "body", "pages"),
    [
        ("pages.tiff", frames.tiff(DEEP, OTHER, THIRD), (DEEP, OTHER, THIRD)),
        ("stack.npy", frames.npy(np.stack([DEEP, OTHER])), (DEEP, OTHER)),
        ("fortran.npy", frames.npy(np.asfortranarray([DEEP, OTHER])), (DEEP, OTHER)),
    ],
)
def test_every_page_of_a_file_can_be_chosen(
    page: Page, client: httpx.Client, tmp_path: Path, name: str, body: bytes, pages: tuple[NDArray[np.generic], ...]
) -> None:
    answers = asked(client, name, body)
    choose(page, tmp_path, name, body)
    chooser = page.get_by_label("Page", exact=True)
    expect(chooser.locator("option")).to_have_text(
        [f"{number}: {len(answer['targets'])} targets" for number, answer in enumerate(answers, 1)]
    )
    for index in (len(pages) - 1, *range(len(pages))):
        chooser.select_option(str(index))
        expect(page.get_by_role("status")).to_contain_text(f"frame {index + 1} of {len(pages)}: ")
        expect(page.locator("#targets tbody tr")).to_have_count(len(answers[index]["targets"]))
        low, high = (f"{end:g}" for end in answers[index]["input"]["range"])
        expect(page.locator("#caption")).to_have_text(f"{name}: counts, {low} is black and {high} is white")
        assert_stretched(page, pages[index], answers[index]["input"]["range"])


def test_the_page_stays_while_a_knob_is_turned(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    body = frames.tiff(DEEP, OTHER)
    choose(page, tmp_path, "pages.tiff", body)
    page.get_by_label("Page", exact=True).select_option("1")
    turn(page, "Threshold", "0.9")
    expect(page.get_by_label("Page", exact=True)).to_have_value("1")
    expect(page.get_by_role("status")).to_contain_text("frame 2 of 2: ")
    choose(page, tmp_path, "others.tiff", body)
    expect(page.get_by_role("status")).to_contain_text("frame 1 of 2: ")


def test_a_single_frame_offers_no_page(page: Page, tmp_path: Path) -> None:
    choose(page, tmp_path, "frame.png", frames.png(SCENE.counts(8)))
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    expect(page.get_by_label("Page", exact=True)).to_be_hidden()


def turn(page: Page, knob: str, value: str) -> None:
    """Give a control another value, and wait for the answer that it brings."""
    with page.expect_response("**/v1/detect*"):
        control = page.get_by_label(knob, exact=True)
        if control.evaluate("(control) => control.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
            control.press("Enter")


@pytest.mark.parametrize(
    ("knob", "value", "query"),
    [
        ("Threshold", "0.02", {"threshold": "0.02"}),
        ("Minimum confidence", "1", {"min_confidence": "1"}),
        ("Sensitivity", "quiet", {"sensitivity": "quiet"}),
        ("Polarity", "black_hot", {"polarity": "black_hot"}),
        ("Range", "minmax", {"range": "minmax"}),
        ("Range", "dtype", {"range": "dtype"}),
    ],
)
def test_a_control_asks_again(
    page: Page, client: httpx.Client, tmp_path: Path, knob: str, value: str, query: dict[str, str]
) -> None:
    counts = DEEP.copy()
    counts[90, 5] = 65535
    body = frames.png(counts)
    choose(page, tmp_path, "frame.png", body)
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    turn(page, knob, value)
    (answer,) = asked(client, "frame.png", body, **query)
    assert answer["targets"] != asked(client, "frame.png", body)[0]["targets"]
    expect(page.locator("#targets tbody tr")).to_have_count(len(answer["targets"]))
    expect(page.locator("#view")).to_be_visible()
    assert_boxed(page, answer["targets"])
    assert_stretched(page, counts, answer["input"]["range"])


def test_the_range_may_be_two_counts(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    body = frames.png(DEEP)
    low, high = asked(client, "deep.png", body)[0]["input"]["range"]
    choose(page, tmp_path, "deep.png", body)
    expect(page.get_by_role("status")).to_contain_text("128x96 pixels")
    expect(page.get_by_label("from")).to_be_hidden()
    turn(page, "Range", "counts")
    expect(page.get_by_label("from")).to_have_value(f"{low:g}")
    expect(page.get_by_label("to", exact=True)).to_have_value(f"{high:g}")
    turn(page, "to", "30000")
    expect(page.locator("#caption")).to_have_text(f"deep.png: counts, {low:g} is black and 30000 is white")
    assert_stretched(page, DEEP, [low, 30000])


@pytest.mark.parametrize("value", ["2", "half"])
def test_a_wrong_value_is_named(page: Page, tmp_path: Path, value: str) -> None:
    choose(page, tmp_path, "frame.png", frames.png(SCENE.counts(8)))
    expect(page.locator("#view")).to_be_visible()
    turn(page, "Threshold", value)
    expect(page.get_by_role("alert")).to_contain_text("threshold")
    expect(page.locator("#view")).to_be_hidden()
    turn(page, "Threshold", "")
    expect(page.get_by_role("alert")).to_have_text("")
    expect(page.locator("#view")).to_be_visible()


def test_an_answer_that_comes_late_is_dropped(page: Page, client: httpx.Client, tmp_path: Path) -> None:
    page.evaluate("""() => {
        const ask = window.fetch;
        let asked = 0;
        window.fetch = async (url, { signal, ...how }) => {
            const answer = await ask(url, how), first = asked++ === 0;
            if (first) await new Promise((resolve) => (window.release = resolve));
            return answer;
        };
    }""")
    choose(page, tmp_path, "slow.png", frames.png(SCENE.counts(8)))
    page.wait_for_function("() => Boolean(window.release)")
    choose(page, tmp_path, "small.png", frames.png(THIRD))
    expect(page.locator("#caption")).to_contain_text("small.png: ")
    page.evaluate("async () => { window.release(); await new Promise((resolve) => setTimeout(resolve, 500)); }")
    expect(page.get_by_role("status")).to_contain_text("100x80 pixels")
    expect(page.locator("#caption")).to_contain_text("small.png: ")


def test_a_file_name_is_text(page: Page, tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.png"
    choose(page, tmp_path, name, frames.png(SCENE.counts(8)))
    expect(page.locator("#caption")).to_contain_text(name)
    assert page.locator("img").count() == 0


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(page: Page, tmp_path: Path) -> None:
    choose(page, tmp_path, "pages.tiff", frames.tiff(DEEP, OTHER))
    expect(page.get_by_role("img", name="pages.tiff")).to_be_visible()
    page.get_by_label("Range", exact=True).select_option("counts")
    expect(page.get_by_label("Page", exact=True)).to_be_visible()
    controls = page.locator("input:visible, select:visible")
    names = [control.evaluate("(control) => control.labels[0]?.textContent.trim()") for control in controls.all()]
    assert all(names)
    page.get_by_label("Frame", exact=True).focus()
    reached = set()
    for _ in names:
        reached.add(page.evaluate("document.activeElement.labels[0].textContent.trim()"))
        page.keyboard.press("Tab")
    assert reached == set(names)


def test_a_narrow_window_needs_no_scrolling_sideways(page: Page, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    choose(page, tmp_path, "a-name-without-any-place-to-break-it-" * 3 + ".tiff", frames.tiff(DEEP, OTHER))
    expect(page.locator("#view")).to_be_visible()
    page.get_by_label("Range", exact=True).select_option("counts")
    expect(page.locator("#view")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


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
    expect(page.get_by_label("Page", exact=True).locator("option")).to_have_text(
        ["1: not read", re.compile("2: . targets")]
    )
    expect(page.get_by_label("Page", exact=True).locator("option").first).to_be_disabled()


def test_a_frame_that_cannot_be_read_is_named(page: Page, tmp_path: Path) -> None:
    choose(page, tmp_path, "half.png", frames.png(SCENE.counts(8))[:300])
    expect(page.get_by_role("alert")).to_contain_text("the PNG data is truncated or damaged")
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
        expect(page.get_by_role("alert")).to_contain_text("needs a valid API key")
        field.fill("open barley")
        field.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("needs a valid API key")
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


def test_the_page_runs_its_own_scripts_alone_and_asks_for_them_again(client: httpx.Client) -> None:
    page = client.get("/")
    assert "script-src 'self';" in page.headers["content-security-policy"]
    script = client.get("/page/page.js")
    assert script.headers["content-type"].partition(";")[0] in {"text/javascript", "application/javascript"}
    assert script.headers["cache-control"] == "no-cache"
    again = client.get("/page/page.js", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


@pytest.mark.parametrize("name", ["index.html", "nothing.js", "..%2F__init__.py"])
def test_nothing_else_is_served_beside_the_page(client: httpx.Client, name: str) -> None:
    answer = client.get(f"/page/{name}")
    assert (answer.status_code, answer.json()["reason"]) == (404, "not_found")
