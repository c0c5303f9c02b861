"""nginx and Caddy with the configurations that ship, in front of real servers."""

import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path

import httpx
import numpy as np
import pytest
from websockets.sync.client import connect

from tests.service.api.test_health import value
from tests.support.frames import GOOD, png, tiff
from tests.support.paths import ROOT
from tests.support.server import Process, running, serving
from tests.support.small_models import write_small_model
from tests.support.tools import require_tool
from tests.support.waiting import WITHIN_S, wait_until
from tests.support.wire import free_port

FOLDER = ROOT / "deploy" / "proxy"
BLANK = png(np.zeros((8, 8), np.uint8))
PAGES = tiff(*np.zeros((2, 8, 8), np.uint8))
AROUND = (
    "daemon off; user root; pid {folder}/pid; error_log {folder}/errors; events {{}} "
    "http {{ access_log off; {temporary} include {file}; }}"
)
TEMPORARY = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"  # folders that nginx wants to write to


def nginx(file: Path) -> list[str]:
    around = file.with_suffix(".main")
    temporary = " ".join(f"{name}_temp_path {file.parent}/{name};" for name in TEMPORARY)
    around.write_text(AROUND.format(folder=file.parent, temporary=temporary, file=file))
    return [require_tool("nginx"), "-c", str(around)]


def caddy(file: Path) -> list[str]:
    return [require_tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(file)]


@pytest.fixture(scope="module", params=[("nginx.conf", nginx), ("Caddyfile", caddy)], ids=["nginx", "caddy"])
def proxied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    name, command = request.param
    folder, port = tmp_path_factory.mktemp(name), free_port()
    with serving(root_path="/infrared", max_body_bytes=1_000_000) as server:
        text = (FOLDER / name).read_text().replace("127.0.0.1:8000", f"127.0.0.1:{server.base_url.port}")
        (folder / name).write_text(_for_tests(text.replace("8080", f"{port}")))
        with _proxying(command(folder / name), folder, f"http://127.0.0.1:{port}/infrared") as client:
            yield client


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, dict[Process, httpx.Client]]]:
    """A client of nginx, and the two processes behind it."""
    folder, port = tmp_path_factory.mktemp("several"), free_port()
    write_small_model(folder / "a.onnx")
    with ExitStack() as stack:
        servers = dict(stack.enter_context(running(MODELS=str(folder))) for _ in range(2))
        text = (FOLDER / "nginx-several.conf").read_text().replace("8080", f"{port}")
        for shipped, server in zip(("8000", "8001"), servers.values(), strict=True):
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{server.base_url.port}")
        (folder / "nginx.conf").write_text(text)
        yield stack.enter_context(_proxying(nginx(folder / "nginx.conf"), folder, f"http://127.0.0.1:{port}")), servers


@contextmanager
def _proxying(command: list[str], folder: Path, address: str) -> Iterator[httpx.Client]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={"HOME": str(folder)})
    try:
        with httpx.Client(base_url=address) as client:
            wait_until(lambda: _answers(client), f"{command[0]}: the proxy does not answer")
            yield client
    finally:
        process.terminate()
        process.wait(WITHIN_S)


def _for_tests(text: str) -> str:
    """Caddy's admin interface would take a port of its own."""
    return "{\n\tadmin off\n}\n" + text if "reverse_proxy" in text else text


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_frames_are_answered(proxied: httpx.Client) -> None:
    assert proxied.post("/v1/detect", content=BLANK).json()["frames"][0]["targets"] == []


def test_the_page_and_its_files_are_found_below_the_path(proxied: httpx.Client) -> None:
    assert proxied.get("/").headers["content-type"].startswith("text/html")
    assert proxied.get("/openapi.json").json()["servers"] == [{"url": "/infrared"}]


def test_what_is_too_large_is_refused_in_the_words_of_the_service(proxied: httpx.Client) -> None:
    answer = proxied.post("/v1/detect", content=bytes(2_000_000))
    assert (answer.status_code, answer.json()["reason"]) == (413, "body_too_large")


def test_lines_come_through(proxied: httpx.Client) -> None:
    answer = proxied.post("/v1/detect", content=PAGES, headers={"Accept": "application/x-ndjson"})
    assert len(answer.text.splitlines()) == 3


def test_a_stream_comes_through(proxied: httpx.Client) -> None:
    with connect(str(proxied.base_url).replace("http", "ws") + "v1/stream") as stream:
        stream.send(BLANK)
        assert '"index":0' in str(stream.recv(WITHIN_S)).replace(" ", "")


def test_processes_of_one_host_share_the_requests_and_one_may_end(
    several: tuple[httpx.Client, dict[Process, httpx.Client]],
) -> None:
    proxy, servers = several
    with ThreadPoolExecutor(4) as clients:
        assert set(clients.map(_ask, repeat(proxy, 200))) == {200}
        labels = {"route": "/v1/detect", "status": "200", "model": "small", "version": "1"}
        shares = [value(server, "rrcanet_requests_total", **labels) / 200 for server in servers.values()]
        assert sum(shares) == 1
        assert min(shares) > 0.2
        answers = clients.map(_ask, repeat(proxy, 400))
        first = next(iter(servers))
        first.terminate()
        assert set(answers) == {200}, "the other process answers"
    assert first.wait(WITHIN_S) == 0


def _ask(proxy: httpx.Client) -> int:
    return proxy.post("/v1/detect?mask=none", content=GOOD).status_code


def test_the_unit_of_several_processes_starts_each_on_a_port_that_nginx_knows() -> None:
    unit = (ROOT / "deploy" / "systemd" / "rrcanet@.service").read_text()
    alone = (ROOT / "deploy" / "systemd" / "rrcanet.service").read_text()
    ports = re.findall(r"server 127\.0\.0\.1:(\d+)", (FOLDER / "nginx-several.conf").read_text())
    start = re.search(r"^ExecStart=\S+/rrcanet (.*) --port (\d+)%i$", unit, re.MULTILINE)
    assert start is not None
    assert ports == [f"{start[2]}{gpu}" for gpu in (0, 1)]
    own = {line for line in unit.splitlines() if not line.startswith("#")} - set(alone.splitlines())
    assert {line.partition("=")[0] for line in own} == {"Description", "ExecStart", "Environment"}
