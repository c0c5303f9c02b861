"""``auto``, ``dtype``, ``minmax`` or ``LO:HI``."""

import pytest

from intensity import Range
from service.detection.options import RangeMode, parse_range, range_text


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("auto", RangeMode.AUTO),
        ("dtype", RangeMode.DTYPE),
        ("minmax", RangeMode.MINMAX),
        ("0:255", Range(0, 255)),
        ("-12.5:1e4", Range(-12.5, 10_000)),
    ],
)
def test_a_range_is_read(text: str, meant: RangeMode | Range) -> None:
    assert parse_range(text) == meant


@pytest.mark.parametrize(
    "text", ["", "AUTO", "7", ":", "1:", ":1", "1:2:3", "a:b", "5:5", "9:1", "nan:1", "0:nan", "-inf:1", "-1e308:1e308"]
)
def test_anything_else_is_refused_with_what_would_do(text: str) -> None:
    with pytest.raises(ValueError, match="must be auto, dtype, minmax or LO:HI with LO below HI"):
        parse_range(text)


@pytest.mark.parametrize("text", ["auto", "dtype", "minmax", "0:255", "-12.5:10000", "0.1:1e+22"])
def test_a_range_is_told_in_the_words_that_it_is_asked_for_in(text: str) -> None:
    assert range_text(parse_range(text)) == text
