"""The log has a line for every request, but none for the probes and scrapes that go well every few seconds."""

import logging
from pathlib import Path

import pytest

from service.keys import hash_of
from service.observability.logs import STANDARD_ERROR, RequestLog
from service.observability.metrics import Metrics
from service.settings import LogFormat
from tests.service.api.test_health import value
from tests.support.server import StartServer
from tests.support.waiting import WITHIN_S

PROBES = ("/livez", "/readyz", "/v2/health/live", "/v2/health/ready", "/metrics")
KEY = {"X-API-Key": "secret"}


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
    assert ends == [["key=one"], ["reason=method_not_allowed"], ["reason=unauthorized"]]


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
