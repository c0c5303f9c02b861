"""The log has a line for every request, but none for the probes and scrapes that go well every few seconds."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from service.keys import hash_of
from service.observability.logs import STANDARD_ERROR, RequestLog
from service.observability.metrics import Metrics
from service.settings import LogFormat
from service.simulation.scene import make_scene
from tests.service.api.test_health import value
from tests.support.frames import npy, png
from tests.support.server import StartServer
from tests.support.waiting import WITHIN_S

PROBES = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/metrics")
KEY = {"X-API-Key": "secret"}
TWO = np.stack([make_scene(seed, 64, 96).counts(14) for seed in range(2)])


def test_a_probe_that_goes_well_is_counted_and_not_logged(
    start_server: StartServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    client.headers.update(KEY)
    STANDARD_ERROR.flush(WITHIN_S)
    capsys.readouterr()
    before = {route: value(client, "rrcanet_requests_total", route=route, status="200") for route in PROBES}
    for route in PROBES:
        assert client.get(route).status_code == client.head(route).status_code == 200
        assert value(client, "rrcanet_requests_total", route=route, status="200") >= before[route] + 2
    assert client.get("/v1/models").status_code == 200
    assert client.post("/livez").status_code == 405
    assert client.get("/metrics", headers={"X-API-Key": "another"}).status_code == 401
    STANDARD_ERROR.flush(WITHIN_S)
    lines = capsys.readouterr().err.splitlines()
    told = [line.partition(" INFO    ")[2].partition(" request_id=")[0] for line in lines]
    assert told == ["GET /v1/models 200", "POST /livez 405", "GET unmatched 401"]
    ends = [line.partition(" duration_ms=")[2].split()[1:] for line in lines]
    client_of = "client=127.0.0.1"
    assert ends == [
        [client_of, "key=one"],
        ["reason=method_not_allowed", client_of, "bytes=0"],
        ["reason=unauthorized", "path=/metrics", client_of],
    ]


@pytest.mark.parametrize("route", PROBES)
def test_a_probe_that_does_not_go_well_is_logged(
    route: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    log = RequestLog(Metrics(), LogFormat.TEXT, {route})
    log.record("GET", 200, "r1", route)
    log.record("GET", 503, "r2", route)
    STANDARD_ERROR.flush(WITHIN_S)
    (line,) = capsys.readouterr().err.splitlines()
    assert f"GET {route} 503 request_id=r2" in line


def test_a_line_of_json_has_what_operators_filter_by(
    start_server: StartServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    client, frame = start_server(log_format=LogFormat.JSON), png(np.full((40, 40), 7, np.uint8))
    capsys.readouterr()
    assert client.post("/v1/detect", content=frame, headers={"X-Request-Id": "r-1"}).status_code == 200
    lines = client.post("/v1/detect?range=minmax", content=npy(TWO), headers={"Accept": "application/x-ndjson"})
    assert len(lines.text.splitlines()) == 3
    assert client.post("/v1/detect?threshold=2", content=frame).status_code == 400
    assert client.get("/nowhere/at-all").status_code == 404
    STANDARD_ERROR.flush(WITHIN_S)
    answered, in_lines, refused, unmatched = [
        json.loads(line) for line in capsys.readouterr().err.splitlines() if "GET" in line or "POST" in line
    ]
    assert answered.pop("duration_ms") > 0
    del answered["time"]
    assert answered == {
        "level": "info",
        "logger": "service.requests",
        "message": "POST /v1/detect 200",
        "method": "POST",
        "route": "/v1/detect",
        "path": "/v1/detect",
        "status": 200,
        "request_id": "r-1",
        "client": "127.0.0.1",
        "bytes": len(frame),
        "model": "rrcanet",
        "version": "1",
        "frames": 1,
        "targets": 0,
    }
    found = sum(len(json.loads(line).get("targets", [])) for line in lines.text.splitlines())
    assert (in_lines["model"], in_lines["frames"], in_lines["targets"]) == ("rrcanet", 2, found)
    assert found > 0
    assert refused["reason"] == "bad_parameter"
    assert "model" not in refused
    assert (unmatched["route"], unmatched["path"]) == ("unmatched", "/nowhere/at-all")
