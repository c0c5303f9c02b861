"""What ``/openapi.json`` says of keys, headers and errors, held against answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.api.app import create_app
from service.errors import Reason
from service.keys import hash_of
from service.server.state import ServerState
from service.settings import Adapter, Settings
from tests.support.frames import GOOD
from tests.support.markdown import read_table
from tests.support.server import StartServer, wait_for_frames

OF_NO_ROUTE = {Reason.NOT_FOUND, Reason.METHOD_NOT_ALLOWED}
NAMES = {"name": "rrcanet", "model": "rrcanet", "version": "1"}


@pytest.fixture
def guarded(start_server: StartServer, tmp_path: Path) -> httpx.Client:
    """A server that wants the key ``secret``."""
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    return start_server(api_keys_file=tmp_path / "keys.txt")


def document_of(client: httpx.Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every route."""
    for path, item in document["paths"].items():
        for method in item:
            yield method.upper(), path, item[method] | {"responses": answers_of(document, item[method])}


def answers_of(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The answers of a route by status, with errors from the components, where they stand once."""
    shared = {f"#/components/responses/{name}": answer for name, answer in document["components"]["responses"].items()}
    return {
        status: shared[answer["$ref"]] if "$ref" in answer else answer
        for status, answer in operation["responses"].items()
    }


def answer_of(document: dict[str, Any], response: httpx.Response) -> dict[str, Any]:
    """What the document says of an answer."""
    operation = document["paths"][response.request.url.path][response.request.method.lower()]
    return answers_of(document, operation)[str(response.status_code)]


def reasons_of(answer: dict[str, Any]) -> list[str]:
    own: dict[str, Any] = answer["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]
    reasons: list[str] = own["reason"]["enum"]
    return reasons


def test_a_key_is_wanted_where_the_document_says_so(guarded: httpx.Client) -> None:
    document = document_of(guarded)
    wanted = {}
    for method, path, operation in operations(document):
        answer = guarded.request(method, path.format_map(NAMES))
        wanted[path] = answer.status_code == 401
        assert ("401" in operation["responses"], "security" in operation) == (wanted[path], wanted[path]), path
        if wanted[path]:
            assert operation["responses"]["401"]["headers"].keys() <= {"WWW-Authenticate", "X-Request-Id"}
            assert answer.headers["www-authenticate"]
            assert answer.headers["content-type"] in operation["responses"]["401"]["content"]
    assert {True, False} == set(wanted.values())


def test_each_scheme_of_the_document_opens_the_door(guarded: httpx.Client) -> None:
    document = document_of(guarded)
    schemes = document["components"]["securitySchemes"]
    for choice in document["paths"]["/v1/models"]["get"]["security"]:
        (scheme,) = (schemes[name] for name in choice)
        if scheme["type"] == "http":
            headers = {"Authorization": f"{scheme['scheme']} secret"}
        else:
            headers = {scheme["name"]: "secret"}
        assert guarded.get("/v1/models").status_code == 401
        assert guarded.get("/v1/models", headers=headers).status_code == 200
    assert {scheme["type"] for scheme in schemes.values()} == {"http", "apiKey"}


def test_without_keys_the_document_speaks_of_none(client: httpx.Client) -> None:
    document = document_of(client)
    assert "securitySchemes" not in document["components"]
    for _, path, operation in operations(document):
        assert "401" not in operation["responses"], path
        assert "security" not in operation, path


def test_errors_are_the_services_own(client: httpx.Client) -> None:
    page = client.get("/openapi.json")
    assert "ValidationError" not in page.text
    for _, path, operation in operations(page.json()):
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")):
                ours = "application/json" if path.startswith("/v2") and status != "431" else "application/problem+json"
                assert list(answer["content"]) == [ours], (path, status)


def test_every_reason_is_under_its_status_with_what_it_means(guarded: httpx.Client) -> None:
    seen = set()
    for _, path, operation in operations(document_of(guarded)):
        if path.startswith("/v2"):
            continue
        for status, answer in operation["responses"].items():
            if status.startswith(("4", "5")):
                for reason in map(Reason, reasons_of(answer)):
                    assert reason.status == int(status)
                    assert f"`{reason}`" in answer["description"]
                    seen.add(reason)
    assert seen == set(Reason) - OF_NO_ROUTE


def test_one_table_says_when_each_reason_occurs(client: httpx.Client) -> None:
    rows = read_table(document_of(client)["info"]["description"], "status", "reason", "when")
    table = {(row["status"], row["reason"], row["when"]) for row in rows}
    assert table == {(str(reason.status.value), f"`{reason}`", reason.when) for reason in Reason}


def test_an_error_stands_once_for_all_routes(client: httpx.Client) -> None:
    document = document_of(client)
    errors = [
        answer
        for item in document["paths"].values()
        for operation in item.values()
        for status, answer in operation["responses"].items()
        if status[0] in "45"
    ]
    assert all(answer.keys() == {"$ref"} for answer in errors)
    assert len({answer["$ref"] for answer in errors}) == len(document["components"]["responses"]) < len(errors) / 2


def test_clients_that_are_made_from_the_document_call_routes_by_short_names(client: httpx.Client) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document_of(client))]
    assert {"detect", "list_models", "show_model", "readyz", "infer"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("query", "body", "accept"),
    [
        ("", GOOD, "*/*"),
        ("", GOOD, "image/png"),
        ("", GOOD, "text/csv"),
        ("", b"", "*/*"),
        ("?model=nope", GOOD, "*/*"),
        ("?threshold=2", GOOD, "*/*"),
        ("?timeout_ms=0.01", GOOD, "*/*"),
    ],
)
def test_an_answer_has_the_headers_and_the_reason_that_the_document_names(
    client: httpx.Client, query: str, body: bytes, accept: str
) -> None:
    document = document_of(client)
    response = client.post(f"/v1/detect{query}", content=body, headers={"Accept": accept})
    told = answer_of(document, response)
    named = {name.lower() for name in document["components"]["headers"]}
    assert {name.lower() for name in told["headers"]} == named & response.headers.keys()
    assert response.headers["content-type"] in told["content"]
    if response.status_code != 200:
        assert response.json()["reason"] in reasons_of(told)


def test_who_is_to_come_again_is_told_when_as_documented(start_server: StartServer) -> None:
    client = start_server(queue_size=2, max_frames=2)
    document = document_of(client)

    def slowly() -> Iterator[bytes]:
        """A body that holds one of two places until the other frames were refused."""
        yield GOOD[:100]
        wait_for_frames(client, 1)
        refused = client.post("/v1/detect", files=[("image", ("a.png", GOOD)), ("image", ("b.png", GOOD))])
        told = answer_of(document, refused)
        assert (refused.status_code, reasons_of(told)) == (429, ["queue_full", "too_slow"])
        assert told["headers"].keys() == {"Retry-After", "X-Request-Id"}
        assert int(refused.headers["retry-after"]) >= 1
        yield GOOD[100:]

    with httpx.Client(base_url=client.base_url) as inside:
        assert inside.post("/v1/detect", content=slowly()).status_code == 200


@pytest.mark.parametrize("name", ["image", "file"])
def test_parts_have_the_names_of_the_document(client: httpx.Client, name: str) -> None:
    body = document_of(client)["paths"]["/v1/detect"]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert name in form["properties"]
    assert form["additionalProperties"] is False
    assert client.post("/v1/detect", files=[(name, ("a.png", GOOD))]).status_code == 200


def test_routes_of_adapters_have_a_group_and_names_of_their_own() -> None:
    state = ServerState(Settings(_env_file=None, adapters=tuple(Adapter)))  # type: ignore[call-arg]
    state.engine.close()
    document = create_app(state).openapi()
    found = [(operation["tags"], operation["operationId"]) for _, _, operation in operations(document)]
    assert [name for tags, name in found if tags == ["Adapters"]]
    assert len({name for _, name in found}) == len(found)
    assert "Adapters" in {tag["name"] for tag in document["tags"]}


def test_each_route_is_in_one_group_and_each_group_says_what_it_is_for(client: httpx.Client) -> None:
    document = document_of(client)
    groups = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert all(groups.values())
    used = [operation["tags"] for _, _, operation in operations(document)]
    assert [len(tags) for tags in used] == [1] * len(used)
    assert {tag for tags in used for tag in tags} == set(groups)


def test_a_caller_is_told_that_an_id_comes_back(client: httpx.Client) -> None:
    document = document_of(client)
    for _, _, operation in operations(document):
        assert {"$ref": "#/components/parameters/X-Request-Id"} in operation["parameters"]
    answer = client.get("/livez", headers={document["components"]["parameters"]["X-Request-Id"]["name"]: "mine"})
    assert answer.headers["x-request-id"] == "mine"
