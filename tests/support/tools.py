"""Programs and packages that some tests need."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright


def require_tool(name: str) -> str:
    """Path of a program of the system; without it the test skips, and in CI it fails."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; .ci/run installs it")
    pytest.skip(f"{name} is not installed")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser. While it is open, no test may start an event loop in the same thread."""
    program = require_tool("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # CI runs as root
        yield browser
        browser.close()


def require_module(name: str) -> None:
    """See that a package can be imported; without it the test skips, and in CI it fails."""
    if importlib.util.find_spec(name) is not None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; make .venv-dev/installed installs it")
    pytest.skip(f"{name} is not installed")
