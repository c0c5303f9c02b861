"""Web pages of other origins, and a proxy that serves the service below a path."""

from pathlib import Path

import numpy as np
import pytest

from service.keys import hash_of
from tests.support.frames import png
from tests.support.server import StartServer

PAGE = "https://viewer.example.org"
BLANK = png(np.zeros((8, 8), np.uint8))


def test_a_page_of_an_allowed_origin_may_send_frames_and_read_errors(start_server: StartServer, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    client = start_server(cors_origins=PAGE, api_keys_file=tmp_path / "keys.txt")
    asked = {
        "Origin": PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    before = client.options("/v1/detect", headers=asked)  # a browser sends no key with it
    assert before.status_code == 200
    assert before.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in before.headers["access-control-allow-headers"].lower()
    answer = client.post("/v1/detect", content=BLANK, headers={"Origin": PAGE, "Authorization": "Bearer secret"})
    assert answer.status_code == 200
    assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
    refused = client.post("/v1/detect", content=BLANK, headers={"Origin": PAGE})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)


def test_a_page_of_another_origin_is_not_allowed(start_server: StartServer) -> None:
    answer = start_server(cors_origins=PAGE).get("/v1/models", headers={"Origin": "https://elsewhere.example.org"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("prefix", ["", "/infrared"], ids=["the proxy removes the path", "the proxy keeps it"])
def test_below_a_path_every_route_answers(start_server: StartServer, tmp_path: Path, prefix: str) -> None:
    (tmp_path / "keys.txt").write_text(f"one {hash_of('secret')}\n")
    client = start_server(root_path="/infrared", api_keys_file=tmp_path / "keys.txt")
    assert client.get(f"{prefix}/livez").status_code == 200
    assert client.get(f"{prefix}/docs").status_code == client.get(f"{prefix}/").status_code == 200
    assert client.get(f"{prefix}/openapi.json").json()["servers"] == [{"url": "/infrared"}]
    assert client.post(f"{prefix}/v1/detect", content=BLANK).status_code == 401
    answer = client.post(f"{prefix}/v1/detect", content=BLANK, headers={"X-API-Key": "secret"})
    assert answer.json()["frames"][0]["targets"] == []
