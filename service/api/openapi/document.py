"""The OpenAPI document: FastAPI's, completed by what the middleware adds to every route: ids, keys and errors."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from service.api.middleware.api_keys import OPEN
from service.api.openapi.errors import FAULT, REASONS, SCHEMAS, faults, problems
from service.api.openapi.examples import Example, example_of
from service.api.openapi.headers import HEADERS, PARAMETERS, REQUEST_ID, refer
from service.api.openapi.queries import query_of
from service.api.openapi.schemas import Problem
from service.api.openapi.tags import TAGS, Tag
from service.api.openinference.wire import Fault
from service.api.problems import is_open_inference
from service.errors import Reason

FOREIGN: Final = ("HTTPValidationError", "ValidationError")  # FastAPI's schemas; this service answers with problems
SCHEMES: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "`Authorization: Bearer KEY`"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "`X-API-Key: KEY`"},
}


class Documented(FastAPI):
    """An application whose OpenAPI document also describes its middleware."""

    def openapi(self) -> dict[str, Any]:
        """The document; it is made only once."""
        if self.openapi_schema is None:
            _complete(super().openapi(), with_keys=self.state.server.keys is not None)
        assert self.openapi_schema is not None
        return self.openapi_schema


def operation_id(route: APIRoute) -> str:
    """What a client that is made from the document calls a route; those of an adapter begin with the adapter's name."""
    adapter = route.endpoint.__module__.removeprefix("service.api.adapters.").partition(".")[0]
    return f"{adapter}_{route.name}" if Tag.ADAPTERS in route.tags else route.name


def _complete(document: dict[str, Any], with_keys: bool) -> None:
    components = document["components"]
    for name in FOREIGN:
        components["schemas"].pop(name, None)
    _, own = models_json_schema(
        [(Problem, "serialization"), (Fault, "serialization")], ref_template=f"{SCHEMAS}/{{model}}"
    )
    components["schemas"] |= own["$defs"]
    components |= {"headers": HEADERS, "parameters": PARAMETERS}
    document["tags"] = _used(document)
    if with_keys:
        components["securitySchemes"] = SCHEMES
    components["responses"] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _complete_operation(path, operation, with_keys and path not in OPEN)
            _share_errors(operation["responses"], components["responses"])
            if (example := example_of(method, path)) is not None:
                _show(example, operation)


def _used(document: dict[str, Any]) -> list[dict[str, str]]:
    """The groups that have a route: those of the adapters have none where no adapter is switched on."""
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    used = {tag for operation in operations for tag in operation["tags"]}
    return [tag for tag in TAGS if tag["name"] in used]


def _complete_operation(path: str, operation: dict[str, Any], with_key: bool) -> None:
    errors = faults if is_open_inference(path) else problems
    # of each operation: Swagger UI does not resolve the references of a path
    of_all = ({"$ref": f"#/components/parameters/{name}"} for name in PARAMETERS)
    operation["parameters"] = [*query_of(path), *operation.get("parameters", ()), *of_all]
    for parameter in operation["parameters"]:
        if parameter.get("in") == "path" and "examples" in parameter["schema"]:
            parameter["example"] = parameter["schema"]["examples"][0]  # Swagger UI fills it in
    answers = operation["responses"]
    if _is_foreign(answers.get("422")):
        del answers["422"]
    # large headers are refused before the path is known, so under /v2 as well with a problem
    common = problems(Reason.HEADERS_TOO_LARGE) | errors(Reason.INTERNAL)
    if with_key:
        common |= errors(Reason.UNAUTHORIZED)
        operation["security"] = [{name: []} for name in SCHEMES]
    answers |= {str(status): answer for status, answer in common.items()}
    for answer in answers.values():
        answer["headers"] = answer.get("headers", {}) | refer(REQUEST_ID)


def _share_errors(answers: dict[str, Any], shared: dict[str, Any]) -> None:
    """Move errors to the components, where every route with the same reasons finds them."""
    for status, answer in answers.items():
        if REASONS in answer:
            of = "v2." if FAULT in answer["content"] else ""
            name = of + ".".join(answer.pop(REASONS))
            shared[name] = answer
            answers[status] = {"$ref": f"#/components/responses/{name}"}


def _show(example: Example, operation: dict[str, Any]) -> None:
    operation["responses"]["200"]["content"]["application/json"]["example"] = example.answer
    if example.body is not None:
        operation["requestBody"]["content"]["application/json"]["example"] = example.body


def _is_foreign(answer: dict[str, Any] | None) -> bool:
    return answer is not None and any(
        content["schema"].get("$ref") == f"{SCHEMAS}/{FOREIGN[0]}" for content in answer["content"].values()
    )
