"""What every test may use: the model that ships, and servers on real ports. Nothing here imports torch."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest

from service.pretrained import DEFAULT
from tests.service.other_servers import serving_under
from tests.support.paths import WEIGHTS
from tests.support.server import StartServer, serving

# most tests compare what is served with ONNX Runtime; tests/service/runtime/openvino is for the other engine, and
# tests/service/test_default_engine.py runs the contract on the one that servers take by default
os.environ.setdefault("RRCANET_ENGINE", "onnxruntime")
os.environ["RRCANET_ENGINE_CACHE"] = ""  # no test writes into the user's home, nor depends on what is there
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's threads wait for each other, for long where cores are shared
# machines are shared: how long one example takes says nothing
hypothesis.settings.register_profile("shared", deadline=None)
hypothesis.settings.load_profile("shared")


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The model that ships."""
    return DEFAULT


@pytest.fixture(scope="session")
def shipped_checkpoint() -> Path:
    """The weights that the shipped model was exported from."""
    return WEIGHTS / "generalist-wide.safetensors"


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """A client of a server with default settings, shared by all tests that leave it as it was."""
    with _server() as client:
        yield client


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts a server with settings of its own; the server ends with the test."""
    with ExitStack() as stack:

        def start(wait_ready: bool = True, **settings: Any) -> httpx.Client:
            return stack.enter_context(_server(wait_ready, **settings))

        yield start


def _server(wait_ready: bool = True, **settings: Any) -> AbstractContextManager[httpx.Client]:
    """The project's own server, or the one that TESTS_UNDER names (tests/service/test_asgi.py)."""
    other = os.environ.get("TESTS_UNDER")
    return serving_under(other, **settings) if other else serving(wait_ready, **settings)
