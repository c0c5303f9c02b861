"""SIGHUP and SIGTERM at every moment, from the first after the start of Python to the last of the process."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.files import entry_point
from tests.support.small_models import write_small_model
from tests.support.tools import require_tool
from tests.support.waiting import wait_until

ENTRY = (sys.executable, "-m", "service", "serve", "--port", "0")
FIRST_OF_ITS_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
HANGUP_BIT, TERM_BIT = 1 << (signal.SIGHUP - 1), 1 << (signal.SIGTERM - 1)


@contextmanager
def starting(models: Path, *by: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A server from its first moment on, as a shell would start it: no signal is ignored. ``by`` is what starts it."""
    environment = os.environ | {"RRCANET_MODELS": str(models)}
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # a child inherits what is ignored
    try:
        process = subprocess.Popen([*by, *ENTRY], env=environment, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGHUP, before)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def signals(pid: int, field: str) -> int:
    """A mask of the signals of a process, as proc(5) describes it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)), 16)


def wait_for_early_handlers(pid: int) -> None:
    wait_until(lambda: bool(signals(pid, "SigCgt") & TERM_BIT), "SIGTERM is not handled", 0.001)
    assert signals(pid, "SigIgn") & HANGUP_BIT


@contextmanager
def hanging_up(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """SIGHUP every few milliseconds."""
    stop = threading.Event()

    def send() -> None:
        while not stop.wait(0.003):
            process.send_signal(signal.SIGHUP)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_model(tmp_path_factory.mktemp("models") / "a.onnx").parent


def test_sighup_at_any_moment_ends_no_process(models: Path) -> None:
    with starting(models) as process:
        wait_for_early_handlers(process.pid)
        with hanging_up(process):
            assert process.stderr is not None
            lines = []
            for line in process.stderr:
                lines.append(line)
                if b" ready" in line:
                    process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0, b"".join(lines)[-2000:]
        assert any(b" ready" in line for line in lines)


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.2, 0.4, 0.9])
def test_sigterm_at_any_moment_of_the_start_ends_the_process(models: Path, after_s: float) -> None:
    with starting(models) as process:
        wait_for_early_handlers(process.pid)
        time.sleep(after_s)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


@pytest.mark.parametrize("after_s", [0.1, 0.5, 1.0, 2.0])
def test_sigterm_ends_the_first_process_of_a_container(models: Path, after_s: float) -> None:
    """Linux drops signals that the first process of a PID namespace does not handle."""
    began = time.monotonic()
    with starting(models, *first_of_its_namespace()) as outer:
        wait_until(lambda: bool(children(outer.pid)), "no process is forked", 0.001)
        (first,) = children(outer.pid)
        wait_for_early_handlers(first)
        time.sleep(max(0.0, began + after_s - time.monotonic()))
        os.kill(first, signal.SIGTERM)
        assert outer.wait(20) == 0


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1, 0.5, 1.0, 2.0])
def test_the_init_of_the_image_ends_a_server_that_has_no_handler_yet(models: Path, after_s: float) -> None:
    with starting(models, *first_of_its_namespace(), *init()) as outer:
        wait_until(lambda: bool(children(outer.pid)), "no process is forked", 0.001)
        (first,) = children(outer.pid)
        wait_until(lambda: bool(children(first)), "the init starts no server", 0.001)
        time.sleep(after_s)
        os.kill(first, signal.SIGTERM)
        assert outer.wait(20) in (0, 143)  # 143: SIGTERM ended it before it had a handler


def init() -> list[str]:
    """What starts ``rrcanet`` in the image."""
    program, *options = entry_point()[:-1]  # without rrcanet
    return [require_tool(program), *options]


def first_of_its_namespace() -> tuple[str, ...]:
    """What starts a process so. Only root may."""
    if os.geteuid():
        pytest.skip("only root may make PID namespaces")
    require_tool(FIRST_OF_ITS_NAMESPACE[0])
    return FIRST_OF_ITS_NAMESPACE


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_signals_are_handled_before_anything_is_imported_that_takes_time() -> None:
    code = (
        "import sys, service.__main__; print(*{name.split('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "service" in result.stdout.split()
    assert {"click", "numpy", "onnxruntime", "fastapi"}.isdisjoint(result.stdout.split())
