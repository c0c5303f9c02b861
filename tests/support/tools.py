"""Programs and packages that some tests need."""

import importlib.util
import os
import shutil

import pytest


def require_tool(name: str) -> str:
    """Path of a program of the system; without it the test skips, and in CI it fails."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; .ci/run installs it")
    pytest.skip(f"{name} is not installed")


def require_module(name: str) -> None:
    """See that a package can be imported; without it the test skips, and in CI it fails."""
    if importlib.util.find_spec(name) is not None:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; make .venv-dev/installed installs it")
    pytest.skip(f"{name} is not installed")
