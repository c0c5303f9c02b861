"""The options of the clients are the parameters of the service, and their values are written as it reads them."""

import pytest

from rrcanet.options import Options, encode
from service.api.detect.query import DetectQuery, parse_query
from service.api.stream.query import StreamQuery
from service.detection.options import Polarity


def test_every_parameter_is_an_option() -> None:
    parameters = DetectQuery.model_fields.keys() | StreamQuery.model_fields.keys()
    assert parameters - Options.__annotations__.keys() == set()
    assert Options.__annotations__.keys() == parameters


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({"threshold": None, "min_area": 3}, "min_area=3"),
        ({"range": (0, 16383)}, "range=0:16383"),
        ({"range": (-20.5, 60.0)}, "range=-20.5:60"),
        ({"byteswap": True, "radiometric": False}, "byteswap=true&radiometric=false"),
        ({"polarity": Polarity.BLACK_HOT, "fill": 0.0}, "polarity=black_hot&fill=0"),
        ({"width": 8, "height": 4, "dtype": "u8", "rows": (0, 2)}, "width=8&height=4&dtype=u8&rows=0:2"),
        ({"false_alarms_per_mpx": 1e-07}, "false_alarms_per_mpx=1e-07"),
    ],
)
def test_values_are_written_as_the_service_reads_them(options: dict[str, object], query: str) -> None:
    assert "&".join(f"{name}={value}" for name, value in encode(options).items()) == query
    assert parse_query(query.encode())


def test_other_values_are_named() -> None:
    with pytest.raises(TypeError, match="threshold is a dict"):
        encode({"threshold": {}})
