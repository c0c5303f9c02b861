"""Everything is reached by the keyboard and on a phone, in dark and light; and nothing comes from elsewhere."""

import re
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect

from benchmarks.page.samples import cluster
from service.simulation.scene import make_scene
from tests.service.web.look import DESKTOP, PHONE, choose, offer, opened, rows, shows
from tests.support import frames

PAGES = frames.tiff(*(make_scene(seed, 96, 128, targets=3).counts(14) for seed in (1, 2)))
CLUSTER = frames.png(cluster().counts(14))


@pytest.mark.parametrize(("theme", "window"), [("dark", DESKTOP), ("light", PHONE)])
def test_axe_finds_nothing(faulty: Page, theme: Literal["dark", "light"], window: ViewportSize) -> None:
    faulty.emulate_media(color_scheme=theme)
    faulty.set_viewport_size(window)
    assert found_by_axe(faulty) == ""
    choose(faulty, ("pages.tiff", PAGES))
    faulty.keyboard.press("n")
    offer(faulty, ("odd.raw", b"odd"))
    expect(faulty.get_by_role("alert")).to_be_visible()
    expect(faulty.get_by_label("Width")).to_be_visible()
    assert found_by_axe(faulty) == ""
    faulty.keyboard.press("?")
    expect(faulty.get_by_role("dialog")).to_be_visible()
    assert found_by_axe(faulty) == ""


def found_by_axe(page: Page) -> str:
    results = Axe().run(page)
    return "\n".join(
        f"{one['id']}: {[node['html'] for node in one['nodes']]}" for one in results.response["violations"]
    )


def test_the_whole_way_by_keyboard(page: Page) -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "files"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    shows(page, "cluster.png: 8 targets")
    page.keyboard.press("n")
    page.keyboard.press("n")
    expect(page.locator("#targets tr.selected")).to_have_attribute("data-id", "2")
    expect(page.locator("#readout-x")).to_have_text(re.compile(r"\d+"))
    page.keyboard.press("p")
    expect(page.locator("#targets tr.selected")).to_have_attribute("data-id", "1")
    zoom = page.locator("#zoom")
    fitted = zoom.inner_text()
    page.keyboard.press("+")
    page.keyboard.press("z")
    expect(zoom).not_to_have_text(fitted)
    page.keyboard.press("1")
    expect(zoom).to_have_text("100 %")
    page.keyboard.press("0")
    expect(zoom).to_have_text(fitted)
    page.keyboard.press("h")
    expect(page.locator(".marker")).to_have_count(0)
    page.keyboard.press("h")
    page.keyboard.press("Escape")
    expect(page.locator("#targets tr.selected")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_sliders_and_rows_follow_the_arrow_keys(page: Page) -> None:
    choose(page, ("cluster.png", CLUSTER))
    page.locator("#threshold").focus()
    threshold = float(page.locator("#threshold-value").inner_text())
    page.keyboard.press("ArrowRight")
    expect(page.locator("#threshold-value")).to_have_text(f"{threshold + 0.01:.2f}")
    page.get_by_role("button", name="target 1").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#targets tr.selected")).to_have_attribute("data-id", "2")
    page.locator("#viewer").focus()
    before = page.locator(".marker").first.bounding_box()
    page.keyboard.press("ArrowRight")
    after = page.locator(".marker").first.bounding_box()
    assert before is not None
    assert after is not None
    assert after["x"] < before["x"]


def test_every_control_is_reached_with_tab(page: Page) -> None:
    choose(page, ("pages.tiff", PAGES))
    wanted = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, summary, a, [tabindex='0']")]
            .filter((one) => one.checkVisibility() && !one.disabled && one.tabIndex >= 0).length"""
    )
    page.evaluate("window.reached = new Set()")
    page.evaluate("document.addEventListener('focusin', ({ target }) => window.reached.add(target))")
    for _ in range(wanted + 2):
        page.keyboard.press("Tab")
    assert page.evaluate("window.reached.size") >= wanted


def test_letters_in_a_field_are_no_keys(page: Page) -> None:
    choose(page, ("rows.raw", b"\0\1" * (320 * 256)))
    page.get_by_label("Width").fill("")
    page.get_by_label("Width").press("1")
    expect(page.get_by_label("Width")).to_have_value("1")
    expect(page.locator("#zoom")).not_to_have_text("100 %")


def test_a_phone_needs_no_scrolling_sideways(page: Page) -> None:
    choose(page, ("a-name-without-any-place-to-break-it-" * 3 + ".tiff", PAGES))
    for width in (PHONE["width"], 320):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_fingers_select_and_zoom(browser: Browser, address: str) -> None:
    with opened(browser, address, viewport=PHONE, has_touch=True, is_mobile=True) as page:
        choose(page, ("cluster.png", CLUSTER))
        box = page.locator(".marker[data-id='4']").bounding_box()
        assert box is not None
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.locator("#targets tr.selected")).to_have_attribute("data-id", "4")
        assert page.evaluate("scrollY") == 0, "the picture is scrolled away"
        page.get_by_role("button", name="Zoom in").tap()
        expect(page.locator("#zoom")).to_have_text("200 %")


def test_the_switch_turns_dark_and_light_and_is_kept(browser: Browser, address: str) -> None:
    with opened(browser, address, color_scheme="light") as page:
        colour = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(colour)
        page.get_by_role("button", name="Dark").click()
        dark = page.evaluate(colour)
        assert dark != light
        page.reload()
        assert page.evaluate(colour) == dark
        assert rows(page) == []


def test_the_policy_lets_run_nothing_but_the_pages_own_files(client: httpx.Client) -> None:
    policy = client.get("/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert "http" not in policy
