"""Imports the web framework for a server, without what takes time there and serves no request."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

DEFER: Final = "defer_build"
REFUSED: Final = "pydantic.v1"


@contextmanager
def lean_imports() -> Iterator[None]:
    """Within this block FastAPI, and what else defines models, is imported in 40 ms less.

    FastAPI defines 40 models for OpenAPI documents. Pydantic can build a model when it is first used, but has no
    setting for the models of other packages, so its defaults are changed meanwhile. FastAPI also imports
    ``pydantic.v1``, to refuse models of that kind, if the installed pydantic has it.
    """
    is_hidden = sys.modules.setdefault(REFUSED, None) is None  # type: ignore[arg-type]
    defaults = _defaults()
    before = defaults.get(DEFER, False)
    defaults[DEFER] = True
    try:
        yield
    finally:
        defaults[DEFER] = before
        if is_hidden:
            del sys.modules[REFUSED]


def _defaults() -> dict[str, Any]:
    """The defaults of pydantic, which are private; without them models are built at once."""
    try:
        from pydantic._internal._config import config_defaults
    except ImportError:
        return {}
    return config_defaults  # type: ignore[return-value]
