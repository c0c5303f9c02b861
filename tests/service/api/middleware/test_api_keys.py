"""API keys as clients and operators meet them."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

import service.server.state
from service.cli import main
from service.keys import hash_of
from service.settings import SettingsFault, load_settings
from tests.support.frames import GOOD
from tests.support.server import StartServer
from tests.support.waiting import wait_until

LOOK_EVERY_S = 0.05


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text(f"# ours\none {hash_of('first')}\n\ntwo {hash_of('second')}  # of the tower\n")
    return path


def post(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post("/v1/detect", content=GOOD, headers=headers)


def test_only_a_known_key_opens_the_door(start_server: StartServer, keys_file: Path) -> None:
    client = start_server(api_keys_file=keys_file)
    assert post(client, Authorization="Bearer first").status_code == 200
    assert post(client, authorization="bearer second").status_code == 200
    assert post(client, **{"X-API-Key": "second"}).status_code == 200
    assert post(client, Authorization="Bearer a gateway's", **{"X-API-Key": "second"}).status_code == 200
    assert post(client, Authorization="Bearer first", **{"X-API-Key": "nobody's"}).status_code == 200
    refused: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer firs"},
        {"Authorization": "Basic first"},
        {"Authorization": "Bearer firs", "X-API-Key": "secon"},
        {"X-API-Key": ""},
        {"X-API-Key": hash_of("first")},
    ]
    for headers in refused:
        answer = post(client, **headers)
        assert (answer.status_code, answer.json()["reason"]) == (401, "unauthorized")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.get("/metrics").status_code == 401
    assert client.get("/v1/models").status_code == 401
    assert client.get("/v2").json().keys() == {"error"}


def test_health_and_the_static_pages_need_no_key(start_server: StartServer, keys_file: Path) -> None:
    client = start_server(api_keys_file=keys_file)
    for path in ("/", "/livez", "/readyz", "/docs", "/openapi.json", "/v2/health/live", "/v2/health/ready"):
        assert client.get(path).status_code == 200, path
    for path in ("/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"):
        assert client.get(path).status_code == 200, path


@pytest.fixture
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.server.state, "LOOK_EVERY_S", LOOK_EVERY_S)


@pytest.mark.usefixtures("_often")
def test_a_changed_file_is_read_again_and_a_broken_one_is_not(start_server: StartServer, keys_file: Path) -> None:
    client = start_server(api_keys_file=keys_file)
    keys_file.write_text(f"three {hash_of('third')}\n")
    wait_until(lambda: post(client, **{"X-API-Key": "third"}).status_code == 200, "the file is not read again")
    assert post(client, **{"X-API-Key": "first"}).status_code == 401
    keys_file.write_text(f"four {hash_of('fourth').upper()}\n# as another tool writes it\n")
    wait_until(lambda: post(client, **{"X-API-Key": "fourth"}).status_code == 200, "the file is not read again")
    keys_file.write_text("half a li")
    time.sleep(4 * LOOK_EVERY_S)
    assert post(client, **{"X-API-Key": "fourth"}).status_code == 200
    keys_file.unlink()
    time.sleep(4 * LOOK_EVERY_S)
    assert post(client, **{"X-API-Key": "fourth"}).status_code == 200


@pytest.mark.usefixtures("_often")
def test_a_broken_file_is_logged_once(
    start_server: StartServer, keys_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def logged() -> list[str]:
        return [record.name for record in caplog.records if "previous API keys stay valid" in record.message]

    client = start_server(api_keys_file=keys_file)
    changes: list[Callable[[], object]] = [lambda: keys_file.write_text("half a li"), keys_file.unlink]
    for number, change in enumerate(changes, 1):
        change()
        wait_until(lambda number=number: len(logged()) == number, logged)  # type: ignore[misc]
        time.sleep(4 * LOOK_EVERY_S)
        assert post(client, **{"X-API-Key": "first"}).status_code == 200
    assert logged() == ["service.keys"] * 2


@pytest.mark.parametrize(
    ("text", "said"), [("one nohash\n", "line 1"), ("", "no key"), (f"a {'0' * 64}\na {'1' * 64}\n", "line 2")]
)
def test_a_file_that_cannot_be_used_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (tmp_path / "keys.txt").write_text(text)
    monkeypatch.setenv("RRCANET_API_KEYS_FILE", str(tmp_path / "keys.txt"))
    with pytest.raises(SettingsFault, match=f"RRCANET_API_KEYS_FILE.*{said}"):
        load_settings()
    monkeypatch.setenv("RRCANET_API_KEYS_FILE", str(tmp_path / "none.txt"))
    with pytest.raises(SettingsFault, match="cannot be read"):
        load_settings()


def test_the_command_makes_a_key_and_its_line(start_server: StartServer, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["key", "tower"])
    key = result.stderr.strip().rpartition(" ")[2]
    assert result.stdout == f"tower {hash_of(key)}\n"
    assert len(key) >= 40
    (tmp_path / "keys.txt").write_text(result.stdout)
    client = start_server(api_keys_file=tmp_path / "keys.txt")
    assert post(client, **{"X-API-Key": key}).status_code == 200
    assert CliRunner().invoke(main, ["key", "two words"]).exit_code == 2
