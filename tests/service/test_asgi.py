"""``service.asgi:app`` under ASGI servers of others: the contract of HTTP holds there, too.

Any test whose fixture is ``client`` or ``start_server`` runs there: ``TESTS_UNDER=hypercorn pytest tests/cases``.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.service.other_servers import COMMANDS, CONTRACT, CONTRACT_S, serving_under, start_under
from tests.support.frames import npy, png
from tests.support.paths import ROOT
from tests.support.waiting import WITHIN_S, wait_until
from tests.support.wire import connection

OTHERS = sorted(COMMANDS.keys() - {"ray"})  # tests/distributed/test_serving.py
BLANK = png(np.zeros((8, 8), np.uint8))
LARGE = npy(np.tile(np.arange(256, dtype=np.uint8), (2048, 8)))  # seconds of work; a constant frame would be none


@pytest.mark.parametrize("server", OTHERS)
def test_the_contract_holds_under(server: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *CONTRACT]
    environment = os.environ | {"TESTS_UNDER": server, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins take seconds
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=CONTRACT_S)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout


@pytest.fixture(scope="module", params=OTHERS)
def elsewhere(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the application under another server."""
    with serving_under(request.param) as client:
        yield client


def test_it_is_ready_when_it_accepts_the_first_request(elsewhere: httpx.Client) -> None:
    assert elsewhere.post("/v1/detect", content=BLANK).json()["frames"][0]["targets"] == []


def test_a_client_that_leaves_frees_its_place(elsewhere: httpx.Client) -> None:
    head = f"POST /v1/detect HTTP/1.1\r\nhost: x\r\ncontent-length: {len(LARGE)}\r\n\r\n"
    with connection(elsewhere) as opened:
        opened.sendall(head.encode() + LARGE)
        wait_until(lambda: "rrcanet_queue_frames 1.0" in elsewhere.get("/metrics").text, "the frame does not come in")
    left = 'rrcanet_requests_total{model="rrcanet",route="/v1/detect",status="499",version="1"} 1.0'
    wait_until(lambda: left in elsewhere.get("/metrics").text, "the server does not notice that the client has left")
    assert elsewhere.post("/v1/detect", content=BLANK).status_code == 200


@pytest.mark.parametrize("server", OTHERS)
def test_a_model_that_cannot_be_served_ends_the_start_with_its_name(server: str, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"no model")
    process = start_under(server, 1, models=tmp_path)
    try:
        output, errors = process.communicate(timeout=WITHIN_S)
    finally:
        process.kill()
    assert "broken.onnx" in output + errors
