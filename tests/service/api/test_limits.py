"""``GET /v1/limits`` says what one request may carry, as the settings have it."""

import io

import httpx
import numpy as np
import pytest

from tests.support.server import StartServer


def stack(count: int, height: int, width: int) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((count, height, width), np.uint8))
    return buffer.getvalue()


@pytest.fixture
def small(start_server: StartServer) -> httpx.Client:
    """A server with limits of its own."""
    return start_server(max_body_bytes=20_000, max_pixels=4096, max_frames=3, request_timeout_s=7)


def test_a_request_at_the_limits_is_answered_and_one_beyond_them_is_not(small: httpx.Client) -> None:
    limits = small.get("/v1/limits").json()
    side, most = limits["smallest_side"], limits["max_frames"]
    assert small.post("/v1/detect", content=stack(most, side, side)).status_code == 200
    beyond = {
        "too_many_frames": stack(most + 1, 1, 1),
        "too_many_pixels": stack(1, limits["max_pixels"] // side + 1, 1),
        "body_too_large": bytes(limits["max_body_bytes"] + 1),
    }
    assert {reason: small.post("/v1/detect", content=body).json()["reason"] for reason, body in beyond.items()} == {
        reason: reason for reason in beyond
    }
    files = [("image", ("a.npy", stack(1, 8, 8)))] * limits["max_parts"]
    assert small.post("/v1/detect", files=files).status_code == 200
    assert small.post("/v1/detect", files=files + files[:1]).json()["reason"] == "too_many_frames"


def test_the_limits_name_times_formats_and_parameters(small: httpx.Client) -> None:
    limits = small.get("/v1/limits").json()
    operation = small.get("/openapi.json").json()["paths"]["/v1/detect"]["post"]
    assert limits["request_timeout_s"] == 7
    assert set(limits["formats"]) == set(operation["requestBody"]["content"])
    assert limits["parameters"] == [one["name"] for one in operation["parameters"] if one.get("in") == "query"]
