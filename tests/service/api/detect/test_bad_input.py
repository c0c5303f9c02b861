"""Bad requests get the contract's status and reason, and the service lives on."""

import io
import struct
import time
import zlib
from collections.abc import Iterator

import httpx
import numpy as np
import pytest
from PIL import Image

from service.api.openapi.schemas import Problem
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support.frames import GOOD
from tests.support.server import StartServer


def problem(response: httpx.Response, status: int, reason: str) -> Problem:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), (
        response.text
    )
    parsed = Problem.model_validate_json(response.content)
    assert (parsed.status, parsed.reason) == (status, reason)
    assert parsed.request_id == response.headers["x-request-id"]
    return parsed


def png_of(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG whose header says what it likes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = (b"IHDR" + header, b"IDAT" + zlib.compress(rows), b"IEND")
    framed = (struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


BODIES = {
    "not an image": (b"hello", "image/png", 422, "undecodable_frame"),
    "an unknown type": (b"hello", "text/plain", 415, "unsupported_media_type"),
    "no type and no image": (b"hello", "", 415, "unsupported_media_type"),
    "an empty body": (b"", "image/png", 422, "undecodable_frame"),
    "a truncated image": (GOOD[: len(GOOD) // 2], "image/png", 422, "undecodable_frame"),
    "only the magic bytes": (GOOD[:8], "image/png", 422, "undecodable_frame"),
    "huge dimensions": (png_of(60_000, 60_000, 8, 0, b""), "image/png", 413, "too_many_pixels"),
    "large dimensions": (png_of(5_000, 5_000, 8, 0, b""), "image/png", 413, "too_many_pixels"),
    "16-bit colour cut off": (png_of(2, 1, 16, 2, bytes(3)), "image/png", 422, "undecodable_frame"),
    "a GIF": (b"GIF89a" + bytes(40), "image/gif", 415, "unsupported_media_type"),
    "pickled objects": (b"", "application/x-npy", 422, "undecodable_frame"),
    "nothing but NaN": (frames.npy(np.full((4, 8), np.nan, np.float32)), "application/x-npy", 422, "undecodable_frame"),
    "complex": (frames.npy(np.zeros((8, 8), complex)), "application/x-npy", 422, "undecodable_frame"),
    "a colour array": (frames.npy(np.zeros((8, 8, 3), np.uint8)), "application/x-npy", 422, "undecodable_frame"),
    "raw rows without their size": (bytes(64), "application/octet-stream", 422, "undecodable_frame"),
    "multipart without a boundary": (b"x", "multipart/form-data", 400, "bad_parameter"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_bad_body_is_answered_with_its_reason(client: httpx.Client, case: str) -> None:
    body, media_type, status, reason = BODIES[case]
    headers = {"Content-Type": media_type} if media_type else {}
    problem(client.post("/v1/detect", content=body, headers=headers), status, reason)
    assert client.post("/v1/detect", content=GOOD).status_code == 200


def test_pickled_objects_are_never_loaded(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    answer = client.post("/v1/detect", content=buffer.getvalue(), headers={"Content-Type": "application/x-npy"})
    problem(answer, 422, "undecodable_frame")


PARAMETERS = {
    "threshold=2": "threshold",
    "threshold=nan": "threshold",
    "min_area=0": "min_area",
    "max_targets=-1": "max_targets",
    "mask=jpeg": "mask",
    "preview=jpeg": "preview",
    "radiometry=0.04": "radiometry",
    "radiometry=0:1": "radiometry",
    "radiometry=1:nan": "radiometry",
    "radiometry=1:2:3": "radiometry",
    "range=low": "range",
    "range=5:2": "range",
    "range=nan:3": "range",
    "polarity=hot": "polarity",
    "timeout_ms=0": "timeout_ms",
    "treshold=0.5": "treshold",
    "width=3": "width, height and dtype",
    "width=0&height=2&dtype=u8": "width",
}


@pytest.mark.parametrize("query", PARAMETERS)
def test_a_bad_parameter_is_named(client: httpx.Client, query: str) -> None:
    parsed = problem(client.post(f"/v1/detect?{query}", content=GOOD), 400, "bad_parameter")
    assert PARAMETERS[query] in parsed.detail


def test_every_bad_parameter_is_named_at_once(client: httpx.Client) -> None:
    detail = problem(client.post("/v1/detect?threshold=2&mask=x", content=GOOD), 400, "bad_parameter").detail
    assert "threshold" in detail
    assert "mask" in detail


THERE_ARE = (
    "the parameters are: model, threshold, min_confidence, sensitivity, false_alarms_per_mpx, min_area, max_targets, "
    "mask, preview, range, polarity, timeout_ms, width, height, dtype, skip, stride, rows, fill, byteswap, "
    "radiometric, radiometry"
)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("range=low", "range: must be auto, dtype, minmax or LO:HI with LO below HI"),
        ("width=3", "query: raw rows need all three of width, height and dtype"),
        ("treshold=0.5", f"treshold: no such parameter (did you mean threshold?); {THERE_ARE}"),
        ("Mask=none", f"Mask: no such parameter (did you mean mask?); {THERE_ARE}"),
        ("colour=red", f"colour: no such parameter; {THERE_ARE}"),
        (
            "min_areas=2&colour=red",
            f"min_areas: no such parameter (did you mean min_area?); colour: no such parameter; {THERE_ARE}",
        ),
    ],
)
def test_a_bad_parameter_is_told_in_words_that_a_caller_knows(client: httpx.Client, query: str, told: str) -> None:
    assert problem(client.post(f"/v1/detect?{query}", content=GOOD), 400, "bad_parameter").detail == told


def test_thousands_of_parameters_are_refused_at_once(client: httpx.Client) -> None:
    query = "&".join(f"max_target{number}=" for number in range(1800))
    began = time.monotonic()
    detail = problem(client.post(f"/v1/detect?{query}", content=GOOD), 400, "bad_parameter").detail
    assert time.monotonic() - began < 2
    assert detail == "query: there are more than 64 parameters"


def test_the_first_of_many_unknown_parameters_are_explained(client: httpx.Client) -> None:
    query = "&".join(f"max_target{number}=" for number in range(64))
    detail = problem(client.post(f"/v1/detect?{query}", content=GOOD), 400, "bad_parameter").detail
    assert detail.count("did you mean max_targets?") == 5


def test_the_type_of_floats_has_no_range(client: httpx.Client) -> None:
    body = frames.npy(np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32))
    problem(client.post("/v1/detect?range=dtype", content=body), 400, "bad_parameter")


def test_raw_rows_without_a_description_are_told_what_they_need(client: httpx.Client) -> None:
    answer = client.post("/v1/detect", content=bytes(64), headers={"Content-Type": "application/octet-stream"})
    detail = problem(answer, 422, "undecodable_frame").detail
    assert all(name in detail for name in ("width", "height", "dtype", "u16be"))


def test_raw_rows_must_be_whole_frames(client: httpx.Client) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    answer = client.post("/v1/detect?width=8&height=8&dtype=u16le", content=bytes(100), headers=headers)
    assert "128 bytes" in problem(answer, 422, "undecodable_frame").detail


def test_an_unknown_model_is_told_which_there_are(client: httpx.Client) -> None:
    assert "rrcanet@1" in problem(client.post("/v1/detect?model=nope", content=GOOD), 404, "unknown_model").detail
    problem(client.post("/v1/detect?model=rrcanet@99", content=GOOD), 404, "unknown_model")
    assert client.post("/v1/detect?model=rrcanet@1", content=GOOD).status_code == 200


def test_unknown_routes_and_methods(client: httpx.Client) -> None:
    problem(client.get("/v1/nope"), 404, "not_found")
    problem(client.post("/v1/detect/"), 404, "not_found")
    answer = client.get("/v1/detect")
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


def test_an_answer_that_cannot_be_given_is_not_acceptable(client: httpx.Client) -> None:
    problem(client.post("/v1/detect", content=GOOD, headers={"Accept": "text/csv"}), 406, "not_acceptable")
    files = [("image", ("a.png", GOOD)), ("image", ("b.png", GOOD))]
    problem(client.post("/v1/detect", files=files, headers={"Accept": "image/png"}), 406, "not_acceptable")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("image/*", "image/png"),
        ("application/json;q=0.5, image/png", "image/png"),
        ("application/json, image/png;q=x", "application/json"),
        ("image/png;q=0, */*;q=0.1", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_accepted_answer_of_highest_quality_is_given(client: httpx.Client, accept: str, expected: str) -> None:
    answer = client.post("/v1/detect", content=GOOD, headers={"Accept": accept})
    assert answer.headers["content-type"] == expected


def test_parts_must_be_frames(client: httpx.Client) -> None:
    problem(client.post("/v1/detect", files={"photo": ("a.png", GOOD)}), 400, "bad_parameter")
    problem(client.post("/v1/detect", files={"image": (None, GOOD)}), 400, "bad_parameter")
    empty = client.post("/v1/detect", content=b"--x--\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"})
    problem(empty, 400, "bad_parameter")


FORM = {"Content-Type": "multipart/form-data; boundary=x"}
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n' + GOOD + b"\r\n"


@pytest.mark.parametrize("end", [b"", b"--x", b"--x-", PART[:-1], PART[: len(PART) // 2]])
def test_a_form_that_ends_before_its_end_is_refused_since_frames_may_be_lost(client: httpx.Client, end: bytes) -> None:
    cut = client.post("/v1/detect", content=PART * 2 + end, headers=FORM)
    assert "closing boundary" in problem(cut, 400, "bad_parameter").detail
    whole = client.post("/v1/detect?mask=none", content=PART * 2 + b"--x--", headers=FORM)
    assert len(whole.json()["frames"]) == 2


@pytest.mark.parametrize("charset", ["undefined", "punycode", "unicode_escape", "utf-7", "hex", "none-of-all"])
def test_a_form_has_no_charset(client: httpx.Client, charset: str) -> None:
    named = PART.replace(b"a.png", "\\ud800 é.png".encode())
    headers = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    answer = client.post("/v1/detect?mask=none", content=named + b"--x--", headers=headers)
    assert answer.status_code == 200
    assert answer.json()["frames"][0]["name"].endswith("ud800 é.png")


def test_a_request_of_nothing_but_bad_frames_is_told_of_each(client: httpx.Client) -> None:
    answer = client.post("/v1/detect", files=[("image", ("a.png", b"x")), ("image", ("b.png", GOOD[:100]))])
    detail = problem(answer, 422, "undecodable_frame").detail
    assert "frame 0" in detail
    assert "frame 1" in detail


def test_a_body_of_an_unknown_encoding_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/detect", content=zlib.compress(GOOD), headers={"Content-Encoding": "br"})
    problem(answer, 415, "unsupported_media_type")
    for none in ("", "identity"):
        assert client.post("/v1/detect", content=GOOD, headers={"Content-Encoding": none}).status_code == 200


def test_limits_on_bytes_frames_and_pixels(start_server: StartServer) -> None:
    client = start_server(max_body_bytes=20_000, max_frames=2, max_pixels=10_000, queue_size=2)
    problem(client.post("/v1/detect", content=bytes(20_001)), 413, "body_too_large")
    problem(client.post("/v1/detect", content=iter([bytes(15_000)] * 2)), 413, "body_too_large")
    three = [("image", (f"{i}.png", GOOD)) for i in range(3)]
    problem(client.post("/v1/detect", files=three), 413, "too_many_frames")
    pages = frames.tiff(*(np.zeros((8, 8), np.uint8) for _ in range(3)))
    problem(client.post("/v1/detect", content=pages), 413, "too_many_frames")
    problem(client.post("/v1/detect", content=frames.png(np.zeros((101, 100), np.uint8))), 413, "too_many_pixels")
    assert client.post("/v1/detect", files=three[:2]).status_code == 200


def test_a_deadline_that_cannot_be_met_is_told(client: httpx.Client) -> None:
    body = frames.png(make_scene(0, 512, 512).counts(8))
    problem(client.post("/v1/detect?timeout_ms=0.01", content=body), 504, "deadline_exceeded")


def slowly() -> Iterator[bytes]:
    """A body of which most comes late."""
    yield GOOD[:100]
    time.sleep(1.5)
    yield GOOD[100:]


def test_a_body_that_does_not_arrive_is_not_waited_for(start_server: StartServer) -> None:
    client = start_server(request_timeout_s=1)
    problem(client.post("/v1/detect", content=slowly()), 408, "request_timeout")


def test_the_deadline_of_a_request_bounds_its_body_too(client: httpx.Client) -> None:
    problem(client.post("/v1/detect?timeout_ms=300", content=slowly()), 504, "deadline_exceeded")


def test_palette_alpha_and_two_level_frames_are_read(client: httpx.Client) -> None:
    scene = make_scene(2, 64, 64)
    gray = Image.fromarray(scene.counts(8))
    expected = client.post("/v1/detect?mask=none", content=GOOD).status_code
    for mode in ("P", "LA", "RGBA", "1"):
        buffer = io.BytesIO()
        gray.convert(mode).save(buffer, "PNG")
        assert client.post("/v1/detect?mask=none", content=buffer.getvalue()).status_code == expected
