"""Imports the web framework faster: without the parts that no request needs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

DEFER: Final = "defer_build"
REFUSED: Final = "pydantic.v1"


@contextmanager
def lean_imports() -> Iterator[None]:
    """Within this block, models of pydantic are not built when a module defines them, but when they are first used.

    FastAPI defines 40 models for OpenAPI documents. Pydantic has no setting for the models of other packages, so its
    defaults are changed meanwhile. FastAPI also imports ``pydantic.v1``, to refuse models of that kind; here it does
    not find it.

    A model that several threads may use first, at the same time, needs ``defer_build=False``: pydantic builds models
    without a lock until 2.14.
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
            sys.modules.pop(REFUSED, None)


def _defaults() -> dict[str, Any]:
    """The defaults of pydantic, which are private. Where they are not as expected, models are built at once."""
    try:
        from pydantic._internal._config import config_defaults
    except ImportError:
        return {}
    return config_defaults if isinstance(config_defaults, dict) else {}  # type: ignore[return-value]
