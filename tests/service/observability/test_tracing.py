"""OpenTelemetry by its own environment variables, as a collector receives it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.frames import GOOD
from tests.support.server import CODE, failing, running
from tests.support.waiting import wait_until

trace_service = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="the extra otel is not installed"
)

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WITHOUT_SDK = f"import sys; sys.modules['opentelemetry.sdk'] = None; {CODE}"


class Collector(ThreadingHTTPServer):
    """What receives OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Receive)
        self.received: list[tuple[str, bytes]] = []

    @property
    def environment(self) -> dict[str, str]:
        endpoint = f"http://127.0.0.1:{self.server_port}"
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "100"}

    @property
    def spans(self) -> list[Any]:
        exports = [trace_service.ExportTraceServiceRequest.FromString(b) for p, b in self.received if p == "/v1/traces"]
        return [
            span
            for export in exports
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Receive(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the terminal."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def detections(collector: Collector) -> list[Any]:
    return [span for span in collector.spans if span.name == "POST /v1/detect"]


def attributes(span: Any) -> dict[str, str | int]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_request_is_a_span_of_the_callers_trace(collector: Collector) -> None:
    with running(collector.environment) as (_, client):
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
        assert client.post("/v1/detect", content=GOOD, headers=headers).status_code == 200
        assert client.post("/v1/detect", content=b"", headers=headers).status_code == 422
        wait_until(lambda: len(detections(collector)) == 2, "the spans do not arrive")
    for span, status in zip(detections(collector), (200, 422), strict=True):
        told = attributes(span)
        assert (told["http.route"], told["http.response.status_code"]) == ("/v1/detect", status)
        assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)
        assert span.end_time_unix_nano > span.start_time_unix_nano


def test_spans_that_wait_are_sent_before_the_process_ends(collector: Collector) -> None:
    with running(collector.environment | {"OTEL_BSP_SCHEDULE_DELAY": "60000"}) as (process, client):
        assert client.post("/v1/detect", content=GOOD).status_code == 200
        assert not collector.spans
        process.terminate()
        assert process.wait(20) == 0
    assert detections(collector)


def test_nothing_is_sent_anywhere_unless_a_collector_is_named(collector: Collector) -> None:
    with running({"OTEL_BSP_SCHEDULE_DELAY": "100"}) as (process, client):
        assert client.post("/v1/detect", content=GOOD).status_code == 200
        process.terminate()
        assert process.wait(20) == 0
    assert not collector.received


def test_where_the_extra_is_missing_the_log_says_so_once(tmp_path: Path, collector: Collector) -> None:
    result = failing(code=WITHOUT_SDK, others=collector.environment, MODELS=str(tmp_path))
    assert result.stderr.count("Automatic OpenTelemetry export requires") == 1
    assert "has no .onnx file" in result.stderr, "nothing else ends the start"
    assert not collector.received
