"""Nothing of a request outlives it: frames and models are freed at once, not when Python's collector comes round."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.frames import GOOD
from tests.support.small_models import write_small_model

PROGRAM = """
import gc, os, threading, sys, time, urllib.error, urllib.request
from pathlib import Path
from service.engine.engine import Request
from service.api.connection.server import Server
from service.settings import Settings

server = Server(Settings(_env_file=None, port=0, models=Path(sys.argv[1])))

def ask():
    while not server.started or server.state.phase.name != "READY":
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    gc.disable()
    for _ in range(10):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/detect", Path(sys.argv[2]).read_bytes()).close()
        except urllib.error.HTTPError as refusal:
            refusal.close()
    time.sleep(0.2)
    print(sum(type(one) is Request for one in gc.get_objects()))
    os.kill(os.getpid(), 15)

threading.Thread(target=ask).start()
server.run()
"""


@pytest.mark.parametrize("body", [GOOD, GOOD[:999], b"no frame"], ids=["a frame", "half a frame", "no frame"])
def test_a_request_leaves_no_cycle_that_holds_its_frames(tmp_path: Path, body: bytes) -> None:
    write_small_model(tmp_path / "a.onnx")
    (tmp_path / "body").write_bytes(body)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), str(tmp_path / "body")]
    environment = os.environ | {"PYTHONPATH": os.getcwd()}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode in (0, -signal.SIGTERM)
    assert done.stdout.split() == ["0"]
