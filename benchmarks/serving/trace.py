"""Which functions of this project a request runs through, and how often it moves from file to file.

python -m benchmarks.serving.trace

A real server runs in this process, with every thread profiled by ``sys.setprofile``. A client sends an 8-bit PNG of
256x256 pixels several times on one connection, until the network for this size is compiled. Then one request is
counted. Tasks that run from time to time are left out, and a coroutine that goes on is no call. A move is a call into
another file than the call before it, in the order of time over all threads.
"""

import opcode
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from types import FrameType

import click
import httpx

from benchmarks.serving.servers.process import settle
from service.cli import main as rrcanet
from service.runtime.openvino.shapes import THREAD_NAME
from service.simulation.scene import make_scene
from tests.support import frames

ROOT = Path(__file__).parents[2]
OURS = ("service", "intensity")
PERIODIC = {"on_tick", "watch_models", "watch_keys", "watch_device", "watch", "has_changed"}
WARM_UP = 5  # more than the runs of a size after which OpenVINO compiles a network for it
START_WITHIN_S = 60.0
BODY = frames.png(make_scene(0, 256, 256).counts(8))


class Recorder:
    """Keeps the file and the name of every function of this project that is called while it is ``on``."""

    def __init__(self) -> None:
        self.on = False
        self.calls: list[tuple[str, str]] = []

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """A hook for ``sys.setprofile``."""
        if self.on and event == "call" and not _goes_on(frame) and not _is_in_background(frame):
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in OURS:
                self.calls.append((str(path.relative_to(ROOT)), frame.f_code.co_qualname))


def ask(address: str, recorder: Recorder) -> None:
    """Wait for the server, send requests, and end the process."""
    try:
        with httpx.Client(base_url=address, timeout=60) as client:
            _wait_until_ready(client)
            for _ in range(WARM_UP):
                _post(client)
            settle(os.getpid())  # the threads of the last request are done, and the network is compiled
            recorder.on = True
            _post(client)
            time.sleep(0.5)
            recorder.on = False
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def report(calls: Sequence[tuple[str, str]], show_calls: bool) -> None:
    """Print the figures, and how often each file is entered."""
    visits = [path for path, _ in groupby(path for path, _ in calls)]
    click.echo(f"calls {len(calls)}, moves between files {len(visits) - 1}, files {len(set(visits))}")
    for path, entered in Counter(visits).most_common():
        click.echo(f"{entered:4}  {path}")
    for path, name in calls if show_calls else ():
        click.echo(f"{path}  {name}")


@click.command(epilog="Example: python -m benchmarks.serving.trace --calls")
@click.option("--calls", is_flag=True, help="Print every call, in order.")
def main(calls: bool) -> None:
    """Trace one request on the CPU."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    recorder = Recorder()
    client = threading.Thread(target=ask, args=(f"http://127.0.0.1:{port}", recorder))
    client.start()
    threading.setprofile(recorder)
    sys.setprofile(recorder)
    try:
        rrcanet(["serve", "--port", str(port), "--device", "cpu"], standalone_mode=False)
    finally:
        sys.setprofile(None)
        client.join()
    report(recorder.calls, calls)


def _wait_until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if client.get("/readyz").status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError("the server is not ready")


def _post(client: httpx.Client) -> None:
    client.post("/v1/detect", content=BODY, headers={"Content-Type": "image/png"}).raise_for_status()


def _goes_on(frame: FrameType) -> bool:
    """Whether a coroutine or a generator goes on after it has waited; the argument of RESUME is 0 only at its start."""
    at = frame.f_lasti
    return at >= 0 and frame.f_code.co_code[at] == opcode.opmap["RESUME"] and frame.f_code.co_code[at + 1] & 3 != 0


def _is_in_background(frame: FrameType) -> bool:
    """Whether a function runs for a task of the server or compiles a network, not for a request."""
    if threading.current_thread().name.startswith(THREAD_NAME):
        return True
    caller: FrameType | None = frame
    while caller is not None:
        if caller.f_code.co_name in PERIODIC or "_in_thread" in caller.f_code.co_qualname:
            return True
        caller = caller.f_back
    return False


if __name__ == "__main__":
    main()
