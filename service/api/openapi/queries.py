"""Query parameters of routes that read them themselves, as the OpenAPI document describes them."""

from typing import Any, Final

from pydantic import BaseModel

from service.api.detect import route as detect
from service.api.detect.query import DetectQuery
from service.api.stream import route as stream
from service.api.stream.query import StreamQuery

QUERIES: Final[dict[str, type[BaseModel]]] = {detect.PATH: DetectQuery, stream.PATH: StreamQuery}


def query_of(path: str) -> list[dict[str, Any]]:
    """The parameters of a route; none if FastAPI reads them, and so describes them itself."""
    if path not in QUERIES:
        return []
    schema = QUERIES[path].model_json_schema()
    kinds = {f"#/$defs/{name}": kind for name, kind in schema["$defs"].items()}
    return [
        {
            "name": name,
            "in": "query",
            "description": field["description"],
            "schema": _inlined(field, kinds),
        }
        for name, field in schema["properties"].items()
    ]


def _inlined(field: dict[str, Any], kinds: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter without references, and without null, which a query cannot have."""
    if "anyOf" in field:
        choice, _ = field.pop("anyOf")
        del field["default"]
        field = choice | field
    return {**kinds[field.pop("$ref")], **field} if "$ref" in field else field
