"""Settings from the environment and ``.env``."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from service.models.canary import Canary
from service.pretrained import SHIPPED
from service.settings import PREFIX, LogFormat, Settings, SettingsFault, load_settings
from service.user_cache import user_cache
from tests.support.markdown import names_in, read_document, read_table

DEFAULTS = {
    "host": "127.0.0.1",
    "port": 8000,
    "device": "auto",
    "threads": None,
    "engine": "auto",
    "precision": "auto",
    "models": SHIPPED,
    "max_body_bytes": 32 * 2**20,
    "max_pixels": 4 * 2**20,
    "max_frames": 64,
    "queue_size": 64,
    "max_batch": 8,
    "request_timeout_s": 30.0,
    "max_connections": 1024,
    "keep_alive_s": 65,
    "drain_delay_s": 0.0,
    "log_format": "text",
}


@pytest.fixture(autouse=True)
def _no_settings_but_those_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def faults(**overrides: Any) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        load_settings(**overrides)
    return str(caught.value).split("\n")


def test_every_default_is_as_documented() -> None:
    settings = load_settings().model_dump()
    assert {name: settings[name] for name in DEFAULTS} == DEFAULTS


def test_the_page_of_settings_says_what_the_code_says() -> None:
    rows = read_table(read_document("reference/settings.md"), "name", "default", "meaning")
    shown = {names_in(row["name"])[0]: f"{row['default']} | {row['meaning']}" for row in rows}
    assert shown == {name.upper(): _row(field) for name, field in Settings.model_fields.items()}


def _row(field: FieldInfo) -> str:
    default = {None: "none", (): "none", "": "none", SHIPPED: "the shipped models"}.get(field.default, field.default)
    if field.default_factory is user_cache:
        default = "~/.cache/rrcanet"
    return f"{default} | {field.description}"


def test_every_setting_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        "host": "::1", "port": "0", "device": "cpu", "threads": "2", "engine": "onnxruntime", "precision": "f32",
        "models": str(tmp_path), "max_body_bytes": "10",
        "max_pixels": "20", "max_frames": "3", "queue_size": "4", "max_batch": "5", "request_timeout_s": "0.5",
        "max_connections": "9", "keep_alive_s": "7", "drain_delay_s": "6", "log_format": "json",
    }  # fmt: skip
    assert wanted.keys() == DEFAULTS.keys()
    for name, value in wanted.items():
        monkeypatch.setenv(PREFIX + name.upper(), value)
    settings = load_settings().model_dump()
    assert {name: settings[name] for name in wanted} == {
        "host": "::1", "port": 0, "device": "cpu", "threads": 2, "engine": "onnxruntime", "precision": "f32",
        "models": tmp_path, "max_body_bytes": 10, "max_pixels": 20,
        "max_frames": 3, "queue_size": 4, "max_batch": 5, "request_timeout_s": 0.5, "max_connections": 9,
        "keep_alive_s": 7, "drain_delay_s": 6.0,
        "log_format": "json",
    }  # fmt: skip


def test_options_win_over_the_environment_and_the_environment_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("RRCANET_PORT=1\nRRCANET_MAX_BATCH=2\nRRCANET_LOG_FORMAT=json\nOTHERS_PORT=9\n")
    assert load_settings().port == 1
    monkeypatch.setenv("RRCANET_PORT", "3")
    monkeypatch.setenv("RRCANET_MAX_BATCH", "4")
    settings = load_settings(port=5, host=None)
    assert (settings.port, settings.max_batch, settings.log_format) == (5, 4, LogFormat.JSON)
    assert settings.host == "127.0.0.1", "an option that was not given changes nothing"


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "HOST": "no address", "PORT": "70000", "DEVICE": "tpu", "MODELS": "no/such/folder", "MAX_BODY_BYTES": "0",
        "MAX_PIXELS": "many", "MAX_FRAMES": "-1", "QUEUE_SIZE": "0", "MAX_BATCH": "1.5", "REQUEST_TIMEOUT_S": "0",
        "MAX_CONNECTIONS": "1", "KEEP_ALIVE_S": "0", "DRAIN_DELAY_S": "nan", "LOG_FORMAT": "xml", "MAX_FRAME": "8",
    }  # fmt: skip
    for name, value in wrong.items():
        monkeypatch.setenv(PREFIX + name, value)
    told = faults()
    assert len(told) == len(wrong)
    for name, value in wrong.items():
        (line,) = (line for line in told if line.startswith(f"{PREFIX}{name}:"))
        assert f"{value!r}" in line or line.endswith("no such setting")


@pytest.mark.parametrize("name", ["RRCANET_PROT", "RRCANET_", "RRCANET_PORT_"])
def test_an_unknown_variable_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "8000")
    assert faults() == [f"{name}: no such setting"]


def test_a_fault_in_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RRCANET_PORT=never\n")
    (line,) = faults()
    assert line.startswith("RRCANET_PORT: ")


def test_a_queue_that_could_never_hold_a_request_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    told = "must be at least RRCANET_MAX_FRAMES ({}), or the largest request could never be accepted (is {!r})"
    monkeypatch.setenv("RRCANET_MAX_FRAMES", "65")
    assert faults() == [f"RRCANET_QUEUE_SIZE: {told.format(65, 64)}"], "the default is checked too"
    monkeypatch.setenv("RRCANET_QUEUE_SIZE", "63")
    monkeypatch.setenv("RRCANET_PORT", "99999")
    port, queue_size = faults()
    assert port.startswith("RRCANET_PORT: ")
    assert queue_size == f"RRCANET_QUEUE_SIZE: {told.format(65, '63')}"
    monkeypatch.setenv("RRCANET_PORT", "0")
    monkeypatch.setenv("RRCANET_MAX_FRAMES", "63")
    assert load_settings().queue_size == 63


@pytest.mark.parametrize(
    "canary", ["", "a", "a@2", "a@2:", "@2:1", "a@:1", "a@2:1.5", "a@2:nan", "a@2:-0", "a@2:1e-3", "a@2:0.5 "]
)
def test_a_canary_that_cannot_be_read_is_named(canary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RRCANET_CANARY", canary)
    told = f"RRCANET_CANARY: must be NAME@VERSION:SHARE, with a share of 0 to 1 (is {canary!r})"
    assert faults() == [told]


@pytest.mark.parametrize("share", [0.0, 1.0, 0.05, 0.5])
def test_a_canary_is_read(share: float) -> None:
    assert load_settings(canary=f"sky.v2@2024-1:{share}").canary == Canary("sky.v2", "2024-1", share)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost", "192.168.1.7"])
def test_addresses_are_accepted(host: str) -> None:
    assert load_settings(host=host).host == host


def test_a_variable_of_the_file_that_no_setting_has_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RRCANET_PROT=9\n")
    with pytest.raises(SettingsFault, match="RRCANET_PROT: no such setting"):
        load_settings()


def test_the_key_of_commands_that_ask_a_service_stops_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RRCANET_API_KEY", "secret")
    assert load_settings().api_keys_file is None


OF_SERVICES = {  # what Kubernetes 1.32 puts into a pod for the Services rrcanet and rrcanet-gpu, port 8000, named http
    "RRCANET_SERVICE_HOST": "10.0.0.1",
    "RRCANET_SERVICE_PORT": "8000",
    "RRCANET_SERVICE_PORT_HTTP": "8000",
    "RRCANET_PORT": "tcp://10.0.0.1:8000",
    "RRCANET_PORT_8000_TCP": "tcp://10.0.0.1:8000",
    "RRCANET_PORT_8000_TCP_PROTO": "tcp",
    "RRCANET_PORT_8000_TCP_PORT": "8000",
    "RRCANET_PORT_8000_TCP_ADDR": "10.0.0.1",
    "RRCANET_GPU_SERVICE_HOST": "10.0.0.2",
    "RRCANET_GPU_SERVICE_PORT": "8000",
    "RRCANET_GPU_SERVICE_PORT_HTTP": "8000",
    "RRCANET_GPU_PORT": "tcp://10.0.0.2:8000",
    "RRCANET_GPU_PORT_8000_TCP": "tcp://10.0.0.2:8000",
    "RRCANET_GPU_PORT_8000_TCP_PROTO": "tcp",
    "RRCANET_GPU_PORT_8000_TCP_PORT": "8000",
    "RRCANET_GPU_PORT_8000_TCP_ADDR": "10.0.0.2",
}


def test_what_kubernetes_puts_into_every_pod_is_no_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OF_SERVICES.items():
        monkeypatch.setenv(name, value)
    assert load_settings().port == 8000
    (tmp_path / ".env").write_text("RRCANET_PORT=9000\n")
    assert load_settings().port == 9000, "what is not given in the environment is looked for in the file"
    assert load_settings(port=7).port == 7
    monkeypatch.setenv("RRCANET_PORT", "8001")
    assert load_settings().port == 8001, "a pod's own variable wins over the one of a Service"


@pytest.mark.parametrize("address", ["udp://10.0.0.1:53", "sctp://10.0.0.1:9", "tcp://[fd00::1]:8000"])
def test_the_address_of_a_service_is_no_port(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RRCANET_PORT", address)
    assert load_settings().port == 8000


@pytest.mark.parametrize("value", ["http://10.0.0.1:8000", "tcp://", "8000x", ""])
def test_any_other_port_that_is_no_number_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RRCANET_PORT", value)
    (line,) = faults()
    assert line.startswith("RRCANET_PORT: ")


@pytest.mark.parametrize("name", ["RRCANET_HTTP_PORT", "RRCANET_PORT_8000", "RRCANET_SERVICE", "RRCANET_HOST_IP"])
def test_a_name_that_is_only_like_one_of_kubernetes_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "8000")
    assert faults() == [f"{name}: no such setting"]


def test_nobody_puts_services_into_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RRCANET_SERVICE_HOST=10.0.0.1\n")
    assert faults() == ["RRCANET_SERVICE_HOST: no such setting"]


def test_origins_are_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}CORS_ORIGINS", "https://a.example.org, http://localhost:5173")
    assert load_settings().cors_origins == ("https://a.example.org", "http://localhost:5173")


@pytest.mark.parametrize("origin", ["a.example.org", "https://a.example.org/page", "https://a b"])
def test_what_is_no_origin_is_named(origin: str) -> None:
    (fault,) = faults(cors_origins=origin)
    assert fault.startswith(f"{PREFIX}CORS_ORIGINS: ")
    assert "is no origin" in fault


@pytest.mark.parametrize("path", ["infrared", "/infrared/", "/", "/a b"])
def test_a_path_that_no_proxy_has_is_named(path: str) -> None:
    (fault,) = faults(root_path=path)
    assert fault.startswith(f"{PREFIX}ROOT_PATH: must begin with /")


def test_compiled_networks_are_kept_in_the_users_folder_of_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert load_settings().engine_cache == tmp_path / ".cache" / "rrcanet"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    assert load_settings().engine_cache == tmp_path / "caches" / "rrcanet"
    monkeypatch.setenv("XDG_CACHE_HOME", "caches")  # the specification says to ignore relative paths
    assert load_settings().engine_cache == tmp_path / ".cache" / "rrcanet"
    monkeypatch.setenv("RRCANET_ENGINE_CACHE", "~/networks")
    assert load_settings().engine_cache == tmp_path / "networks"
    assert list(tmp_path.iterdir()) == [], "nothing is made before it is needed"


def test_none_are_kept_where_others_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o1777)  # as /tmp is
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert load_settings().engine_cache is None
    (tmp_path / "rrcanet").mkdir(mode=0o700)
    assert load_settings().engine_cache == tmp_path / "rrcanet", "nobody else can write there"


def test_none_are_kept_where_the_user_cannot_write_or_does_not_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *_: False)  # root may write to every folder
        assert load_settings().engine_cache is None
    monkeypatch.setenv("RRCANET_ENGINE_CACHE", "")
    assert load_settings().engine_cache is None
