"""What every test may use: the model that ships, a real server on a real port, tools of the system."""

import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import torch

import model
from service.commands.serve import Server
from service.pretrained import DEFAULT
from service.settings import Settings

START_WITHIN_S = 30.0
os.environ.setdefault("OMP_NUM_THREADS", "1")  # PyTorch's threads wait for each other, for long where cores are shared
hypothesis.settings.register_profile(
    "shared", deadline=None
)  # these machines are shared: one slow example says nothing
hypothesis.settings.load_profile("shared")

StartServer = Callable[..., httpx.Client]


def require_tool(name: str) -> str:
    """Path of a program of the system; without it the test skips, and in CI it fails."""
    path = shutil.which(name)
    if path is not None:
        return path
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed; .ci/run installs it")
    pytest.skip(f"{name} is not installed")


@pytest.fixture(scope="session", autouse=True)
def _untraced_exporter() -> Iterator[None]:
    """PyTorch's exporter makes tens of millions of calls, none of them ours: coverage of each doubles its time."""
    exporter = torch.onnx.export

    def untraced(*arguments: Any, **options: Any) -> Any:
        tracer = sys.gettrace()
        sys.settrace(None)
        try:
            return exporter(*arguments, **options)
        finally:
            sys.settrace(tracer)

    torch.onnx.export = untraced
    yield
    torch.onnx.export = exporter


@pytest.fixture(scope="session")
def model_file() -> Path:
    """The model that ships."""
    return DEFAULT


@pytest.fixture(scope="session")
def shipped_checkpoint() -> Path:
    """The weights that the shipped model was exported from."""
    return Path(model.__file__).parent / "weights" / "generalist-long.safetensors"


@pytest.fixture(scope="session")
def client() -> Iterator[httpx.Client]:
    """A client of a server with default settings, shared by all tests that leave it as it was."""
    with _Running({}) as running:
        yield running


@pytest.fixture
def start_server() -> Iterator[StartServer]:
    """Starts a server with settings of its own; it ends with the test."""
    started: list[_Running] = []

    def start(wait_ready: bool = True, **settings: Any) -> httpx.Client:
        running = _Running(settings, wait_ready)
        started.append(running)
        return running.__enter__()

    yield start
    for running in started:
        running.__exit__()


class _Running:
    """A server in a thread of this process, as ``rrcanet serve`` runs it."""

    def __init__(self, settings: dict[str, Any], wait_ready: bool = True) -> None:
        self._server = Server(Settings(_env_file=None, port=0, **settings))  # type: ignore[call-arg]
        self._thread = threading.Thread(target=self._server.run)
        self._wait_ready = wait_ready

    def __enter__(self) -> httpx.Client:
        self._thread.start()
        _wait_until(lambda: self._server.started)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
        if self._wait_ready:
            _wait_until(lambda: self.client.get("/readyz").status_code == 200)
        return self.client

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(START_WITHIN_S)
        assert not self._thread.is_alive(), "the server does not end"


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.02)
