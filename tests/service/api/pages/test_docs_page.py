"""``/docs`` in a real browser: a person who has a key can use it."""

from pathlib import Path

from playwright.sync_api import Browser

from service.keys import hash_of
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
