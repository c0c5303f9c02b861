"""The pages of HTTP and of the Open Inference Protocol in ``docs/reference/`` say as much as the code, and no more."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.errors import Reason
from service.pretrained import SHIPPED
from service.settings import Settings
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.markdown import names_in, read_document, read_table
from tests.support.server import StartServer
from tests.support.small_models import read_card

HTTP = read_document("reference/http.md")
OPEN_INFERENCE = read_document("reference/open-inference-protocol.md")
PAGES = {"GET /", "GET /docs", "GET /openapi.json"}  # of no interest to a client that reads OpenAPI
VERSION = "[/versions/{version}]"
STATUS = re.compile(r"\b[45]\d\d\b")
WITHOUT_ROUTE = {"401", "405"}  # where there are keys; where there is another method


def document_of(client: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def routes_of(client: httpx.Client) -> set[str]:
    paths = document_of(client)["paths"]
    return {f"{method.upper()} {path}" for path in paths for method in paths[path].keys() - {"parameters"}}


def test_every_route_is_told(client: httpx.Client) -> None:
    told = {name for row in read_table(HTTP, "route", "answer") for name in names_in(row["route"])}
    assert told == {route for route in routes_of(client) if "/v2" not in route} | PAGES
    for page in PAGES:
        assert client.get(page.removeprefix("GET ")).status_code == 200


def test_every_route_of_the_open_inference_protocol_is_told(client: httpx.Client) -> None:
    told = [name for row in read_table(OPEN_INFERENCE, "route", "answer") for name in names_in(row["route"])]
    spelled = {route.replace(VERSION, version) for route in told for version in ("", VERSION[1:-1])}
    assert spelled == {route for route in routes_of(client) if "/v2" in route}


def test_every_error_is_told_as_the_table_has_it() -> None:
    rows = read_table(HTTP, "status", "reason", "when")
    told = [(int(row["status"]), *names_in(row["reason"]), row["when"]) for row in rows]
    assert sorted(told) == sorted((reason.status.value, reason.value, reason.when) for reason in Reason)


def test_every_status_of_the_open_inference_protocol_is_told(client: httpx.Client) -> None:
    statuses = {
        status
        for path, operations in document_of(client)["paths"].items()
        if path.startswith("/v2")
        for method in operations.keys() - {"parameters"}
        for status in operations[method]["responses"]
        if status != "200"
    }
    _, _, told = OPEN_INFERENCE.partition("## Errors")
    assert set(STATUS.findall(told)) == statuses | WITHOUT_ROUTE


def test_every_query_parameter_is_told_with_its_default_and_its_values(client: httpx.Client) -> None:
    rows = read_table(HTTP, "name", "default", "values", "meaning")
    told = [(*names_in(row["name"]), row["default"], row["values"], row["meaning"]) for row in rows]
    parameters = document_of(client)["paths"]["/v1/detect"]["post"]["parameters"]
    assert told == [
        (one["name"], _default(one["schema"]), _values(one["schema"]), one["description"])
        for one in parameters
        if one.get("in") == "query"  # others refer to what every route takes, or are headers
    ]


def test_every_field_of_an_answer_is_told(client: httpx.Client) -> None:
    told = [name for row in read_table(HTTP, "field", "meaning") for name in names_in(row["field"])]
    schemas = document_of(client)["components"]["schemas"]
    assert len(told) == len(set(told))
    assert set(told) == set(_leaves(schemas["DetectAnswer"], schemas))


def test_every_header_is_told(client: httpx.Client) -> None:
    rows = read_table(HTTP, "header", "where", "meaning")
    headers = document_of(client)["components"]["headers"]
    assert {names_in(row["header"])[0]: row["meaning"] for row in rows} == {
        name: header["description"] for name, header in headers.items()
    }


def test_limits_are_told_with_their_defaults() -> None:
    rows = read_table(HTTP, "setting", "default", "answer beyond it")
    for row in rows:
        (setting,) = names_in(row["setting"])
        assert float(row["default"]) == Settings.model_fields[setting.lower()].default
    refused = {name for row in rows for name in names_in(row["answer beyond it"])}
    assert refused <= set(Reason)


def _default(schema: dict[str, Any]) -> str:
    default = schema.get("default")
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default is None else f"{default:g}" if isinstance(default, float) else str(default)


def _values(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if "maxLength" in schema:
        return f"at most {schema['maxLength']} characters"
    if schema["type"] == "boolean":
        return "true or false"
    if schema["type"] == "number" and not schema.keys() & {"minimum", "exclusiveMinimum"}:
        return "a number"
    if "exclusiveMinimum" in schema:
        return f"above {schema['exclusiveMinimum']}"
    return f"{schema['minimum']} to {schema['maximum']}" if "maximum" in schema else f"from {schema['minimum']}"


def _leaves(schema: dict[str, Any], schemas: dict[str, Any], path: str = "") -> Iterator[str]:
    """Names of all values below a schema, as ``frames[].targets[].area``."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        for choice in schema["anyOf"]:
            if choice.get("type") != "null":
                yield from _leaves(choice, schemas, path)
    elif "properties" in schema:
        for name, field in schema["properties"].items():
            yield from _leaves(field, schemas, f"{path}.{name}" if path else name)
    elif schema.get("type") == "array" and "items" in schema:
        yield from _leaves(schema["items"], schemas, f"{path}[]")
    else:
        yield path


def test_the_python_client_on_the_page_finds_what_the_service_finds(
    client: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", HTTP, re.DOTALL)
    counts = make_scene(1, 512, 640).counts(14)
    np.save(tmp_path / "frame.npy", counts)
    shown = "np.zeros((512, 640), np.uint16)"
    assert shown in code
    code = code.replace(shown, f"np.load({str(tmp_path / 'frame.npy')!r})")
    exec(code.replace("http://127.0.0.1:8000", str(client.base_url)), {})
    found = client.post("/v1/detect", content=frames.png(counts)).json()["frames"][0]["targets"]
    assert found
    assert capsys.readouterr().out.splitlines() == [f"{one['centroid']} {one['confidence']}" for one in found]


def test_a_connection_is_kept_as_long_as_the_page_says(start_server: StartServer) -> None:
    (shown,) = re.findall(r"kept open is closed (\d+) seconds \(`KEEP_ALIVE_S`\) after", HTTP)
    assert int(shown) == Settings.model_fields["keep_alive_s"].default
    kept = 2
    client = start_server(keep_alive_s=kept)
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200 ")
        answered = time.monotonic()
        connection.settimeout(30)
        while connection.recv(4096):
            pass
    assert -0.5 < time.monotonic() - answered - kept < 3


def test_confidences_lie_between_the_ends_that_the_page_tells() -> None:
    text = " ".join(HTTP.split())
    cards = [read_card(file) for file in sorted(SHIPPED.rglob("*.onnx"))]
    for card in cards:
        low, high = card.calibration.confidences[0], card.calibration.confidences[-1]
        assert re.search(rf"`{card.name}` \| {low:.2f} to {high:.2f}\b", text), (card.name, low, high)
    assert len(cards) == 4
