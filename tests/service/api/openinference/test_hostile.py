"""Whatever is sent to ``/v2`` is answered with a clear 4xx, and the server lives on."""

import gzip
import json
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.service.api.openinference.asking import JSON_LENGTH, as_binary, as_json, described, fault, joined

DETECTOR, NETWORK = "/v2/models/rrcanet-detector/infer", "/v2/models/rrcanet/infer"
COUNTS = np.arange(64, dtype=np.uint16).reshape(1, 8, 8)
RAMP = np.arange(64, dtype=np.float32).reshape(1, 1, 8, 8)
GOOD, GOOD_HEADERS = as_binary("frames", COUNTS)


def frames(**changes: Any) -> dict[str, Any]:
    """A good request but for these fields of its input."""
    return {"inputs": [described("frames", COUNTS, data=COUNTS.ravel().tolist()) | changes]}


def data(values: Any, datatype: str = "UINT16") -> dict[str, Any]:
    return frames(data=values, shape=[1, 1, 2], datatype=datatype)


def request(**fields: Any) -> dict[str, Any]:
    """A good request but for these fields of its own."""
    return frames() | fields


JSON_FAULTS: dict[str, tuple[Any, str]] = {
    "no object": ([1, 2], "InferRequest"),
    "no inputs": ({}, "inputs"),
    "an empty list of inputs": ({"inputs": []}, "inputs"),
    "two inputs": ({"inputs": frames()["inputs"] * 2}, "inputs"),
    "many inputs": ({"inputs": [0] * 200_000}, "inputs"),
    "an input that is no object": ({"inputs": [7]}, "inputs.0"),
    "another input": (frames(name="image"), "'frames'"),
    "a name that is no string": (frames(name=7), "name"),
    "a datatype that is no string": (frames(datatype=None), "datatype"),
    "an unknown datatype": (frames(datatype="FP8"), "UINT16 or UINT8 or FP32"),
    "a datatype not taken": (frames(datatype="INT64"), "INT64"),
    "BYTES": (frames(datatype="BYTES", data=["a"] * 64), "BYTES"),
    "no shape": ({"inputs": [{"name": "frames", "datatype": "UINT16", "data": [1]}]}, "shape"),
    "an empty shape": (frames(shape=[]), "[-1, -1, -1]"),
    "a shape of another rank": (frames(shape=[8, 8]), "[-1, -1, -1]"),
    "a shape of a thousand dimensions": (frames(shape=[1] * 1000), "shape"),
    "a negative dimension": (frames(shape=[1, -8, -8]), "shape.1"),
    "a dimension of zero": (frames(shape=[0, 8, 8]), "shape.0"),
    "a dimension that is a fraction": (frames(shape=[1, 8, 8.5]), "shape.2"),
    "a dimension that is a string": (frames(shape=[1, 8, "8"]), "shape.2"),
    "a dimension that is true": (frames(shape=[True, 8, 8]), "shape.0"),
    "a huge dimension": (frames(shape=[1, 8, 2**63]), "shape.2"),
    "a dimension of 400 digits": (frames(shape=[1, 8, 10**400]), "shape.2"),
    "too few values": (frames(shape=[1, 8, 9]), "72 values, but data has 64"),
    "no values": (data([]), "2 values, but data has 0"),
    "values that are strings": (data(["1", "2"]), "whole numbers"),
    "values that are null": (data([None, 1]), "whole numbers"),
    "values that are true": (data([True, 1]), "whole numbers"),
    "values that are fractions": (data([1.5, 1]), "whole numbers"),
    "values that are objects": (data([{}, 1]), "whole numbers"),
    "negative counts": (data([-1, 1]), "out of the range of uint16"),
    "counts too large": (data([65_536, 1]), "out of the range of uint16"),
    "counts of 400 digits": (data([10**400, 1]), "out of the range of uint16"),
    "floats of 400 digits": (data([10**400, 1], "FP32"), "out of the range of float32"),
    "floats too large": (data([1e39, 1], "FP32"), "out of the range of float32"),
    "infinity": (data([float("inf"), 1], "FP32"), "float32"),
    "NaN": (data([float("nan"), 1], "FP32"), "float32"),
    "data that are no list": (data("AAAA"), "data"),
    "rows of unequal length": (data([[1], [1, 2]]), "nested"),
    "rows nested otherwise": (data([[[1], [2]]]), "nested"),
    "rows and values": (data([[[1, 2]], 7]), "nested"),
    "values and rows": (data([1, [2]]), "whole numbers"),
    "shared memory": (frames(data=None, parameters={"shared_memory_region": "r"}), "shared memory"),
    "parameters that are no object": (frames(parameters=[]), "parameters"),
    "a binary size that is negative": (frames(data=None, parameters={"binary_data_size": -1}), "binary_data_size"),
    "a binary size that is a string": (frames(data=None, parameters={"binary_data_size": "128"}), "binary_data_size"),
    "a binary size without binary data": (frames(data=None, parameters={"binary_data_size": 128}), "0 bytes follow"),
    "an id that is no string": (request(id=7), "id"),
    "another output": (request(outputs=[{"name": "boxes"}]), "targets, mask"),
    "the same output twice": (request(outputs=[{"name": "mask"}] * 2), "named twice"),
    "a thousand outputs": (request(outputs=[{"name": "mask"}] * 1000), "outputs"),
    "an output that is no object": (request(outputs=["mask"]), "outputs.0"),
    "classification": (request(outputs=[{"name": "mask", "parameters": {"classification": 3}}]), "classification"),
    "shared memory for an output": (
        request(outputs=[{"name": "mask", "parameters": {"shared_memory_region": "r"}}]),
        "shared memory",
    ),
    "a flag that is no flag": (request(parameters={"binary_data_output": "yes"}), "binary_data_output"),
    "a negative timeout": (request(parameters={"timeout": -1}), "timeout"),
    "a sequence": (request(parameters={"sequence_id": 5}), "sequence_id"),
    "a parameter that does not exist": (request(parameters={"treshold": 0.5}), "treshold"),
    "a query parameter of v1": (request(parameters={"timeout_ms": 5}), "timeout_ms"),
    "a threshold beyond one": (request(parameters={"threshold": 2}), "threshold"),
    "a threshold that is NaN": (request(parameters={"threshold": float("nan")}), "threshold"),
    "a range that is no string": (request(parameters={"range": [1, 2]}), "range"),
    "a range of no numbers": (request(parameters={"range": "low"}), "range: must be auto"),
    "the type's range of floats": (data([1, 2], "FP32") | {"parameters": {"range": "dtype"}}, "range=dtype"),
}


@pytest.mark.parametrize("case", JSON_FAULTS)
def test_json_that_asks_for_nothing_served_is_told_why(client: httpx.Client, case: str) -> None:
    header, told = JSON_FAULTS[case]
    assert told in fault(client.post(DETECTOR, content=json.dumps(header)), 400)


TEXTS = {
    "nothing": b"",
    "no JSON": b"hello",
    "half a JSON": GOOD[:40],
    "JSON and a half": json.dumps(frames()).encode() * 2,
    "latin-1": b'{"id": "\xe9"}',
    "UTF-16": json.dumps(frames()).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(frames()).encode(),
    "half a surrogate": json.dumps(request(id="x")).encode().replace(b'"x"', b'"\\ud800"'),
    "10,000 brackets": b"[" * 10_000,
    "10,000 levels": b'{"inputs": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "a number of a million digits": b'{"inputs": [' + b"9" * 1_000_000 + b"]}",
    "zero bytes": bytes(1000),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_that_is_no_json_is_told_so(client: httpx.Client, case: str) -> None:
    assert fault(client.post(DETECTOR, content=TEXTS[case]), 400)


LARGE = {
    "a million inputs": b'{"inputs": [' + b"0," * 1_000_000 + b"0]}",
    "a million lists": json.dumps(frames(data=0))
    .encode()
    .replace(b'"data": 0', b'"data": [' + b"[1]," * 10**6 + b"1]"),
    "a million objects": b'{"a": [' + b"{}," * 1_000_000 + b"{}]}",
    "100,000 brackets": b"[" * 100_000,
}


@pytest.mark.parametrize("case", LARGE)
def test_json_that_would_be_parsed_for_long_is_refused(client: httpx.Client, case: str) -> None:
    assert "binary data" in fault(client.post(DETECTOR, content=LARGE[case]), 413)


LENGTHS = ["-1", "+5", "1e2", "0x10", "", "abc", "5, 5", "9" * 15, "9" * 5000, str(len(GOOD) + 1), "0", "1"]


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length[:8])
def test_a_wrong_json_length_is_told(client: httpx.Client, length: str) -> None:
    assert fault(client.post(DETECTOR, content=GOOD, headers={JSON_LENGTH: length}), 400)


def test_every_truncation_is_told(client: httpx.Client) -> None:
    for end in range(0, len(GOOD), 7):
        fault(client.post(DETECTOR, content=GOOD[:end], headers=GOOD_HEADERS), 400)


@pytest.mark.parametrize("size", [0, 1, 127, 129, 256, 2**31, 2**64])
def test_a_binary_size_that_is_not_that_of_the_shape_is_told(client: httpx.Client, size: int) -> None:
    header = {"inputs": [described("frames", COUNTS, parameters={"binary_data_size": size})]}
    for sent in {128, min(size, 256)}:
        body, headers = joined(header, bytes(sent))
        assert str(size) in fault(client.post(DETECTOR, content=body, headers=headers), 400)


def test_bytes_that_belong_to_no_input_are_told(client: httpx.Client) -> None:
    body, headers = joined(frames(), bytes(4))
    assert "4 bytes follow" in fault(client.post(DETECTOR, content=body, headers=headers), 400)
    both = frames(parameters={"binary_data_size": 128})
    body, headers = joined(both, bytes(128))
    assert "either" in fault(client.post(DETECTOR, content=body, headers=headers), 400)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -0.5, 255.5, 3e38])
def test_intensities_that_are_none_are_told(client: httpx.Client, value: float) -> None:
    intensities = RAMP.copy()
    intensities[0, 0, 3, 3] = value
    body, headers = as_binary("intensities", intensities)
    assert "0 to 255" in fault(client.post(NETWORK, content=body, headers=headers), 400)


@pytest.mark.parametrize("shape", [(1, 2, 8, 8), (1, 1, 8, 12), (1, 1, 1, 1), (1, 8, 8), (8, 8, 1, 1)])
def test_a_shape_that_the_network_does_not_take_is_told(client: httpx.Client, shape: tuple[int, ...]) -> None:
    body, headers = as_binary("intensities", np.zeros(shape, np.float32))
    fault(client.post(NETWORK, content=body, headers=headers), 400)


def test_options_of_the_detector_are_none_of_the_network(client: httpx.Client) -> None:
    options = as_json("intensities", RAMP, parameters={"threshold": 0.5})
    assert "rrcanet-detector has" in fault(client.post(NETWORK, json=options), 400)


def metric(client: httpx.Client, series: str) -> float:
    (line,) = (line for line in client.get("/metrics").text.splitlines() if line.startswith(series))
    return float(line.removeprefix(series))


def test_a_frame_of_nothing_but_nan_is_named_and_counted(client: httpx.Client) -> None:
    counts = np.ones((2, 8, 8), np.float32)
    counts[1] = np.nan
    body, headers = as_binary("frames", counts)
    series = 'rrcanet_frames_total{outcome="error"}'
    before = metric(client, series)
    assert "frame 1" in fault(client.post(DETECTOR, content=body, headers=headers), 422)
    assert metric(client, series) == before + 1


def test_forms_and_bodies_of_unknown_encodings_are_refused(client: httpx.Client) -> None:
    fault(client.post(DETECTOR, files={"image": ("a.json", json.dumps(frames()))}), 415)
    for encoding in ("br", "gzip, gzip"):
        fault(client.post(DETECTOR, content=GOOD, headers={**GOOD_HEADERS, "Content-Encoding": encoding}), 415)


NAMES = ["%00", "..%2f..%2fetc", "a" * 5000, "rrcanet@1", "rrcanet%20", "%ff", "-detector", "rrcanet-detector-detector"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:8])
def test_a_model_that_is_not_there_is_not_found(client: httpx.Client, name: str) -> None:
    for path in (f"/v2/models/{name}", f"/v2/models/{name}/versions/1/ready"):
        assert len(fault(client.get(path), 404)) < 6000
    for path in (f"/v2/models/{name}/infer", f"/v2/models/rrcanet/versions/{name}/infer"):
        fault(client.post(path, content=GOOD, headers=GOOD_HEADERS), 404)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_mutation_of_a_body_is_a_bug(client: httpx.Client, changes: list[tuple[int, int]]) -> None:
    body = bytearray(GOOD)
    for place, value in changes:
        body[place] = value
    answer = client.post(DETECTOR, content=bytes(body), headers=GOOD_HEADERS)
    assert answer.status_code < 500, answer.text


def test_after_all_of_that_a_good_request_is_answered(client: httpx.Client) -> None:
    assert client.post(DETECTOR, content=GOOD, headers=GOOD_HEADERS).status_code == 200


def test_a_compressed_request_is_answered(client: httpx.Client) -> None:
    packed = gzip.compress(GOOD)
    assert (
        client.post(DETECTOR, content=packed, headers={**GOOD_HEADERS, "Content-Encoding": "gzip"}).status_code == 200
    )
