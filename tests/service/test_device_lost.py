"""A device that answers no more: requests are told, and the process ends so that its supervisor starts a new one."""

from pathlib import Path

import httpx
import numpy as np

from tests.frames import png
from tests.service.process import running
from tests.service.small_models import Rule, write_small_model


def test_a_lost_device_ends_the_process_with_an_error(tmp_path: Path) -> None:
    write_small_model(tmp_path / "m.onnx", Rule.FRAGILE)
    frame = np.arange(200 * 300, dtype=np.uint16).reshape(200, 300)
    with running(MODELS=str(tmp_path)) as (process, client):
        answer = client.post("/v1/detect", content=png(frame), headers={"Content-Type": "image/png"})
        assert (answer.status_code, answer.json()["reason"]) == (503, "not_ready")
        assert int(answer.headers["Retry-After"]) >= 1
        assert _readiness(client) in (503, None)
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert "the device is lost: " in process.stderr.read()


def _readiness(client: httpx.Client) -> int | None:
    """None where the process has ended already."""
    try:
        return client.get("/readyz").status_code
    except httpx.TransportError:
        return None
