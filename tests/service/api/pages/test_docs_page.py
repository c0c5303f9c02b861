"""``/docs`` in a real browser: a person who has a key can use it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page

from service.keys import hash_of
from tests.support.frames import GOOD
from tests.support.server import StartServer


def test_a_key_that_is_typed_in_opens_the_routes(browser: Browser, start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{client.base_url}/docs")
    page.locator(".btn.authorize").click()
    page.locator(".modal-ux input").first.fill("secret")
    page.locator(".modal-ux button.authorize").first.click()
    page.locator(".btn-done").first.click()
    route = page.locator(".opblock", has_text="/v1/models").first
    route.click()
    route.get_by_text("Try it out").click()
    with page.expect_response("**/v1/models") as answered:
        route.get_by_text("Execute").click()
    assert answered.value.status == 200
    assert [one for one in complaints if "Content Security Policy" in one] == []
    page.close()


@pytest.fixture
def page(browser: Browser, client: httpx.Client) -> Iterator[Page]:
    """The page, which complains about nothing."""
    page = browser.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(f"{client.base_url}/docs")
    page.locator(".opblock").first.wait_for()
    yield page
    page.close()
    assert complaints == []


def opened(page: Page, name: str) -> Locator:
    """The route of this operation id, ready to be tried."""
    route = page.locator(f".opblock[id$='-{name}']")
    route.locator(".opblock-summary-control").click()
    route.get_by_text("Try it out").click()
    return route


def execute(page: Page, route: Locator, path: str) -> dict[str, object]:
    with page.expect_response(f"**{path}*") as answered:
        route.get_by_text("Execute").click()
    assert answered.value.status == 200
    found: dict[str, object] = answered.value.json()
    return found


def test_routes_stand_in_groups_below_one_table_of_errors(page: Page) -> None:
    assert page.locator(".opblock-tag").count() >= 5
    table = page.locator(".info table")
    assert table.is_hidden()
    page.locator(".info summary").click()
    assert table.locator("tr").filter(has_text="too_many_pixels").is_visible()


def test_a_frame_can_be_tried_out_and_an_error_is_one_line(page: Page) -> None:
    route = opened(page, "detect")
    names = route.locator(".parameter__name").all_inner_texts()
    assert {"threshold", "radiometry", "X-Request-Id"} <= {name.split()[0] for name in names}
    route.locator("input[type=file]").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": GOOD})
    assert execute(page, route, "/v1/detect")["frames"]
    row = route.locator("tr.response[data-code='413']").last
    assert "too_many_pixels" in row.inner_text()
    box = row.bounding_box()
    assert box is not None
    assert box["height"] < 50
    assert row.locator(".model-example").is_hidden()


def test_the_example_of_a_body_can_be_tried_out_as_it_stands(page: Page) -> None:
    answer = execute(page, opened(page, "infer"), "/infer")
    assert answer["model_name"] == "rrcanet-detector"
