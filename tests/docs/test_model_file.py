"""``docs/reference/model-file.md`` against the card: all fields with their defaults, and no others."""

import re
from collections.abc import Iterator

from pydantic import BaseModel

from service.runtime.card import (
    METADATA_KEY,
    Calibration,
    Card,
    GoldenCheck,
    Measurement,
    OperatingPoints,
    PrecisionGate,
)
from tests.support.markdown import names_in, read_document

PAGE = read_document("reference/model-file.md")
ROW = re.compile(r"^\| (`[\w.\[\]]+`) \| (.+?) \| .+ \|$", re.MULTILINE)
PARTS: dict[str, type[BaseModel]] = {
    "": Card,
    "calibration.": Calibration,
    "operating_points.": OperatingPoints,
    "bf16.": PrecisionGate,
    "measurements[].": Measurement,
    "golden.": GoldenCheck,
}


def fields(prefix: str, part: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each field as the page names it, with its default as the page writes it."""
    for name, field in part.model_fields.items():
        default = field.get_default()
        if field.is_required():
            shown = "required"
        elif default is None:
            shown = "none"
        elif isinstance(default, Calibration):
            shown = default.fitted_on
        else:
            shown = str(list(default) or "empty") if isinstance(default, tuple) else str(default)
        yield f"{prefix}{name}", shown


def test_the_page_has_every_field_of_the_card_with_its_default() -> None:
    shown = [(*names_in(name), default) for name, default in ROW.findall(PAGE)]
    assert shown == [one for prefix, part in PARTS.items() for one in fields(prefix, part)]


def test_the_page_names_the_metadata_and_every_way_to_check_for_cuda() -> None:
    assert f'custom_metadata_map["{METADATA_KEY}"]' in PAGE
    gates = Card.model_fields["cuda_gate"].annotation
    for gate in getattr(gates, "__args__", ()):
        assert f"| `{gate}` | " in PAGE
