"""Compressed request bodies: what clients send is read, and no body inflates beyond the limit."""

import gzip
import zlib

import httpx
import numpy as np
import pytest

from service.api.inflate import inflate
from service.errors import Reason, ServiceError
from tests.support import frames
from tests.support.server import StartServer

RAW = zlib.compressobj(wbits=-15)
BARE = RAW.compress(frames.GOOD) + RAW.flush()
HALVES = gzip.compress(frames.GOOD[:100]) + gzip.compress(frames.GOOD[100:])
ZEROS = bytes(2**24)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(frames.GOOD), "gzip"),
        (gzip.compress(frames.GOOD), "X-GZIP"),
        (HALVES, "gzip"),
        (zlib.compress(frames.GOOD), "deflate"),
        (BARE, "deflate"),
        (frames.GOOD, "identity"),
    ],
    ids=["gzip", "x-gzip", "two members", "deflate", "deflate without a header", "identity"],
)
def test_a_compressed_body_gives_the_same_answer(client: httpx.Client, body: bytes, encoding: str) -> None:
    plain = client.post("/v1/detect?mask=none", content=frames.GOOD).json()["frames"]
    answer = client.post("/v1/detect?mask=none", content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == 200, answer.text
    assert answer.json()["frames"] == plain


def test_a_form_may_be_compressed_as_a_whole(client: httpx.Client) -> None:
    form = httpx.Request(
        "POST", "http://x", files=[("image", ("a.png", frames.GOOD)), ("file", ("b.png", frames.GOOD))]
    )
    headers = {"Content-Type": form.headers["content-type"], "Content-Encoding": "gzip"}
    answer = client.post("/v1/detect?mask=none", content=gzip.compress(form.read()), headers=headers)
    assert [frame["name"] for frame in answer.json()["frames"]] == ["a.png", "b.png"]


def test_rows_may_be_compressed(client: httpx.Client) -> None:
    rows = np.arange(64 * 64, dtype="<u2").tobytes()
    headers = {"Content-Type": "application/octet-stream", "Content-Encoding": "deflate"}
    path = "/v1/detect?mask=none&width=64&height=64&dtype=u16le"
    assert client.post(path, content=zlib.compress(rows), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "encoding", "reason"),
    [
        (gzip.compress(ZEROS), "gzip", Reason.BODY_TOO_LARGE),
        (gzip.compress(ZEROS[: 2**19]) * 40, "gzip", Reason.BODY_TOO_LARGE),
        (zlib.compress(ZEROS), "deflate", Reason.BODY_TOO_LARGE),
        (gzip.compress(b"") * 65, "gzip", Reason.BAD_PARAMETER),
        (gzip.compress(frames.GOOD)[:-9], "gzip", Reason.BAD_PARAMETER),
        (gzip.compress(frames.GOOD) + b"more", "gzip", Reason.BAD_PARAMETER),
        (zlib.compress(frames.GOOD) + b"more", "deflate", Reason.BAD_PARAMETER),
        (frames.GOOD, "gzip", Reason.BAD_PARAMETER),
        (b"", "gzip", Reason.BAD_PARAMETER),
        (frames.GOOD, "br", Reason.UNSUPPORTED_MEDIA_TYPE),
        (gzip.compress(gzip.compress(frames.GOOD)), "gzip, gzip", Reason.UNSUPPORTED_MEDIA_TYPE),
    ],
)
def test_a_body_that_is_damaged_or_too_large_is_refused(body: bytes, encoding: str, reason: Reason) -> None:
    with pytest.raises(ServiceError) as caught:
        inflate(body, encoding, 2**20)
    assert caught.value.reason is reason


def test_the_limit_of_a_body_holds_after_inflating(start_server: StartServer) -> None:
    client = start_server(max_body_bytes=2**20)
    answer = client.post("/v1/detect", content=gzip.compress(ZEROS), headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")
