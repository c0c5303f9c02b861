"""A host without IPv4: a network namespace whose only address is ``::1``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.files import health_check
from tests.support.frames import GOOD
from tests.support.server import CODE
from tests.support.small_models import write_small_model
from tests.support.tools import require_tool

WITHOUT_IPV4 = 'ip link set lo up; ip -4 address flush dev lo; exec "$@"'
PORT = 8000  # nothing else is in the namespace
INSIDE = """
import json, os, subprocess, sys, time, urllib.request
code, check, frame, port = sys.argv[1:]
is_healthy = lambda: not subprocess.run(json.loads(check), stderr=subprocess.DEVNULL).returncode
early = is_healthy()
server = subprocess.Popen([sys.executable, "-c", code, "serve", "--host", "::", "--port", port])
end = time.monotonic() + 60
while not is_healthy() and time.monotonic() < end:
    time.sleep(0.05)
request = urllib.request.Request(f"http://[::1]:{port}/v1/detect?mask=none", open(frame, "rb").read())
targets = json.load(urllib.request.urlopen(request))["frames"][0]["targets"]
server.terminate()
print(json.dumps({"early": early, "targets": len(targets), "exit": server.wait(20)}))
"""


def test_a_frame_is_answered_and_the_health_check_of_the_image_passes(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root may make network namespaces")
    require_tool("ip")
    model, frame = write_small_model(tmp_path / "a.onnx"), tmp_path / "frame.png"
    frame.write_bytes(GOOD)
    inside = [sys.executable, "-c", INSIDE, CODE, json.dumps(health_check()), str(frame), str(PORT)]
    result = subprocess.run(
        [require_tool("unshare"), "--net", "sh", "-euc", WITHOUT_IPV4, "sh", *inside],
        env=os.environ | {"RRCANET_PORT": str(PORT), "RRCANET_MODELS": str(model.parent)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found.pop("targets") > 0
    assert found == {"early": False, "exit": 0}
