"""The pictures of the page in the documents: ``python -m benchmarks.page.screenshots URL``.

They are written to ``docs/images``. URL is a server's, for example ``http://127.0.0.1:8000``. Chromium and the package
playwright must be installed.
"""

import io
import shutil
from pathlib import Path
from typing import Any, Final

import click
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"
SETTLES_MS: Final = 300
DESKTOP: Final = {"viewport": {"width": 1200, "height": 720}}
PHONE: Final = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@click.command()
@click.argument("url")
def main(url: str) -> None:
    """Take every picture."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for theme in ("dark", "light"):
            _take(browser, url, f"page-{theme}.png", color_scheme=theme, **DESKTOP)
            _take(browser, url, f"page-phone-{theme}.png", color_scheme=theme, **PHONE)
        browser.close()


def _take(browser: Browser, url: str, name: str, **context: Any) -> None:
    profile = browser.new_context(**context)
    page = profile.new_page()
    page.goto(url)
    _show_cluster(page)
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(IMAGES / name, optimize=True)
    profile.close()


def _show_cluster(page: Page) -> None:
    """The sample scene of eight targets, at the zoom that shows all of them, with one selected."""
    page.locator("#empty .samples button").first.click()
    expect(page.locator("#targets tbody tr")).to_have_count(8)
    page.keyboard.press("z")
    page.keyboard.press("n")
    page.wait_for_timeout(SETTLES_MS)


if __name__ == "__main__":
    main()
