"""What goes wrong is said in plain words, and the last picture stays."""

from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from service.keys import hash_of
from service.simulation.scene import make_scene
from tests.service.web.look import choose, offer, opened, rows, shows, status
from tests.support import frames
from tests.support.server import StartServer

PNG = frames.png(make_scene(2, 96, 128, targets=2).counts(14))
BAD = ("bad.png", b"\x89PNG\r\n\x1a\n and no more")


def test_a_damaged_file_is_named_and_the_last_picture_stays(faulty: Page) -> None:
    choose(faulty, ("good.png", PNG))
    before = rows(faulty)
    offer(faulty, BAD)
    alert = faulty.get_by_role("alert")
    expect(alert).to_contain_text("bad.png: ")
    expect(alert).to_contain_text("The picture is still good.png.")
    expect(faulty.locator("#source").locator("option").last).to_have_text("bad.png: not read")
    assert rows(faulty) == before
    faulty.keyboard.press(",")
    expect(alert).to_be_hidden()


def test_a_bad_page_is_named_and_the_others_are_reached(page: Page) -> None:
    bad = np.full((96, 128), np.nan, np.float32)
    offer(page, ("pages.tiff", frames.tiff(bad, make_scene(2, 96, 128).counts(14))))
    expect(page.get_by_role("alert")).to_contain_text("frame 1 of pages.tiff: every pixel is NaN or infinite")
    page.keyboard.press(".")
    shows(page, "frame 2 of 2")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_busy_service_is_asked_again_by_a_button(faulty: Page) -> None:
    problem = {"status": 429, "reason": "queue_full", "detail": "64 frames wait"}
    faulty.route("**/v1/detect*", lambda route: route.fulfill(status=429, json=problem, headers={"Retry-After": "2"}))
    offer(faulty, ("a.png", PNG))
    expect(faulty.get_by_role("alert")).to_contain_text("The service is busy. Try again in 2 s.")
    faulty.unroute("**/v1/detect*")
    faulty.get_by_role("button", name="Try again").click()
    shows(faulty, "a.png: ")


def test_other_files_are_asked_for_again_while_the_service_is_busy(faulty: Page) -> None:
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if len(refused) == 1:
            route.fulfill(status=429, json={"reason": "queue_full", "detail": ""}, headers={"Retry-After": "0"})
        else:
            route.continue_()
        refused.append(route.request.url)

    faulty.route("**/v1/detect*", refuse_once)
    choose(faulty, ("a.png", PNG), ("b.png", PNG))
    expect(faulty.locator("#source option").last).to_contain_text("b.png: 2 targets")
    assert len(refused) == 3


def test_a_service_that_is_gone_is_said(faulty: Page) -> None:
    choose(faulty, ("good.png", PNG))
    faulty.route("**/v1/detect*", lambda route: route.abort())
    faulty.locator("#polarity").select_option("black_hot")
    expect(faulty.get_by_role("alert")).to_contain_text("The service cannot be reached")
    expect(faulty.locator("#targets tbody tr")).not_to_have_count(0)


def test_a_key_is_asked_for_if_the_service_needs_one(
    browser: Browser, start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "keys.txt").write_text(f"visitor {hash_of('open sesame')}\n")
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    with opened(browser, str(client.base_url), may_fail=True) as page:
        field = page.get_by_label("API key")
        for key in ("open barley", "open sesame"):
            expect(page.get_by_role("alert")).to_contain_text("This service needs an API key.")
            field.fill(key)
            field.press("Enter")
        expect(field).to_be_hidden()
        choose(page, ("a.png", PNG))
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
        page.get_by_role("button", name="Copy as curl").click()
        expect(page.get_by_text("Copied as curl.")).to_be_visible()
        assert "sesame" not in page.evaluate("navigator.clipboard.readText()")


def test_no_key_is_asked_for_where_none_is_needed(page: Page) -> None:
    choose(page, ("a.png", PNG))
    expect(page.get_by_label("API key")).to_be_hidden()


def test_an_answer_that_comes_late_is_dropped(page: Page) -> None:
    held: list[object] = []
    page.route("**/v1/detect*", lambda route: held.append(route) if not held else route.continue_())
    offer(page, ("slow.png", PNG))
    expect(status(page)).to_have_text("Detecting…")
    choose(page, ("fast.png", frames.png(make_scene(3, 80, 100).counts(14))))
    (route,) = held
    route.continue_()  # type: ignore[attr-defined]
    expect(page.locator("#source").locator("option").first).to_contain_text("targets")
    expect(status(page)).to_contain_text("fast.png: ")
    page.unroute("**/v1/detect*")


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.png"])
def test_a_file_name_is_text(page: Page, client: httpx.Client, name: str) -> None:
    choose(page, (name, PNG))
    assert page.locator("img").count() == 0
