"""The examples of ``/docs``: sent to a server as they stand, and compared with what it answers."""

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import numpy as np

from service.api.openapi.examples import ROWS
from tests.support import frames

CHANGING = {  # the time, what only a long list would show, and what every new release adds to
    *("timing_ms", "description", "threshold_rule", "commit", "calibration", "operating_points", "measurements"),
    *("bf16", "formats", "parameters", "sha256", "threshold", "latency_objective_ms"),
}
NAMES = {"name": "rrcanet", "model": "rrcanet-detector", "version": "1"}


def routes(client: httpx.Client) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every route that answers with JSON."""
    for path, item in client.get("/openapi.json").json()["paths"].items():
        for method, operation in item.items():
            if "application/json" in operation["responses"].get("200", {}).get("content", {}):
                yield method.upper(), path, operation


def answer_example(operation: dict[str, Any]) -> Any:
    return operation["responses"]["200"]["content"]["application/json"].get("example")


def stable(answer: Any) -> Any:
    """What an example shows as it is; numbers to two digits."""
    if isinstance(answer, list):
        return [stable(one) for one in answer]
    if isinstance(answer, dict):
        return {name: stable(value) for name, value in answer.items() if name not in CHANGING}
    return round(answer, 2) if isinstance(answer, float) else answer


def ask(client: httpx.Client, method: str, path: str, operation: dict[str, Any]) -> httpx.Response:
    """Send what a reader of ``/docs`` sends: the example of the body, and the frame of the examples to /v1/detect."""
    if path == "/v1/detect":
        return client.post(f"{path}?mask=rle", content=frames.npy(np.array(ROWS, np.uint16)))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
    return client.request(method, path.format_map(NAMES), json=body)


def test_every_route_with_json_has_an_example(client: httpx.Client) -> None:
    for method, path, operation in routes(client):
        if operation["tags"] != ["Adapters"]:
            assert answer_example(operation) is not None, (method, path)


def test_examples_are_as_their_schemas_say(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for _, path, operation in routes(client):
        content = operation["responses"]["200"]["content"]["application/json"]
        bodies = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for described in (content, bodies):
            if "example" in described:
                schema = described["schema"] | {"components": document["components"]}
                assert jsonschema_rs.validator_for(schema).is_valid(described["example"]), path


def test_a_server_answers_as_the_examples_show(client: httpx.Client) -> None:
    for method, path, operation in routes(client):
        if (example := answer_example(operation)) is not None:
            answer = ask(client, method, path, operation)
            assert answer.status_code == 200, (path, answer.text)
            shown = {name: value for name, value in answer.json().items() if name in example}
            assert stable(shown) == stable(example), path
