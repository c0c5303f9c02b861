"""The options of a detection: the query parameters of ``POST /v1/detect``, under the same names."""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, TypedDict

Range = Literal["auto", "dtype", "minmax"] | str | tuple[float, float]


class Options(TypedDict, total=False):
    """Keyword arguments of ``detect``. None and an absent one mean the server's default.

    A keyword that is not listed here is sent as it is, so a newer server's options can be used at once.
    """

    model: str | None
    threshold: float | None
    min_confidence: float | None
    sensitivity: Literal["quiet", "balanced", "high"] | None
    false_alarms_per_mpx: float | None
    min_area: int | None
    max_targets: int | None
    mask: Literal["none", "png", "rle", "probability"] | None
    preview: Literal["none", "png"] | None
    range: Range | None
    polarity: Literal["white_hot", "black_hot"] | None
    timeout_ms: float | None
    width: int | None
    height: int | None
    dtype: str | None
    skip: int | None
    stride: int | None
    rows: str | tuple[int, int] | None
    fill: float | None
    byteswap: bool | None
    radiometric: bool | None
    radiometry: str | tuple[float, float] | None
    track: bool | None
    confirm: str | None


def encode(options: Mapping[str, Any]) -> dict[str, str]:
    """The query of a request.

    Raises:
        TypeError: a value is neither a number, a text, a pair of numbers, nor True or False.
    """
    return {name: _text(name, value) for name, value in options.items() if value is not None}


def _text(name: str, value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Enum():
            return str(value.value)
        case str() | int():
            return str(value)
        case (first, second):
            return f"{_text(name, first)}:{_text(name, second)}"
        case _ if hasattr(value, "__float__"):
            return repr(float(value)).removesuffix(".0")
    raise TypeError(f"{name} is a {type(value).__name__}; options are numbers, texts, pairs of numbers, True or False")
