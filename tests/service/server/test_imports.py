"""A server imports the web framework without what serves no request, and nothing else changes by that."""

import subprocess
import sys

import pytest
from pydantic import BaseModel

from service.server.imports import lean_imports

LEAN = "from service.server.imports import lean_imports as imports"
USUAL = "from contextlib import nullcontext as imports"
DOCUMENT = """
with imports():
    from service.api.app import create_app
    from service.server.state import ServerState
    from service.settings import load_settings

    app = create_app(ServerState(load_settings()))
import json
print(json.dumps(app.openapi()))
"""
FRAMEWORK = """
import sys
with imports():
    from fastapi.openapi.models import Components
    from service.api.app import create_app
built = Components.__pydantic_complete__
print(built, sys.modules.get("pydantic.v1") is not None, Components().model_dump(exclude_none=True))
"""


def output_of(*program: str) -> str:
    return subprocess.run([sys.executable, "-c", "\n".join(program)], capture_output=True, text=True, check=True).stdout


def test_models_of_the_framework_are_built_when_they_are_used() -> None:
    assert output_of(LEAN, FRAMEWORK) == "False False {}\n"


def test_the_document_of_the_routes_is_the_same() -> None:
    document = output_of(LEAN, DOCUMENT)
    assert '"/v1/detect"' in document
    assert document == output_of(USUAL, DOCUMENT)


def test_afterwards_models_are_built_at_once() -> None:
    with lean_imports():

        class Later(BaseModel):
            side: int

    class Now(BaseModel):
        side: int

    assert (Later.__pydantic_complete__, Now.__pydantic_complete__) == (False, True)
    assert Later(side=1).side == 1


def test_another_pydantic_without_these_defaults_builds_all_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic._internal._config", None)
    with lean_imports():

        class Now(BaseModel):
            side: int

    assert Now.__pydantic_complete__
