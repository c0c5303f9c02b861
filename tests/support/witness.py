"""Another client of a server that is attacked, in a process of its own: whether it is served all the while.

``python -m tests.support.witness HOST PORT SECONDS`` prints what it saw as JSON. It asks for ``/livez`` every 20 ms, on
a new connection each time, and sends a frame of 256x256 pixels every half a second.

A slow answer hides no others: every request that was due meanwhile counts as well, from the time when it was due.

Machines are shared. So a request does not count if this process itself was not run for a while, and it is measured how
much of the CPU time programs took that have nothing to do with the server.
"""

import http.client
import json
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.serving.servers.process import cpu_seconds

EVERY_S: Final = 0.02
FRAME_EVERY_S: Final = 0.5
ROUND: Final = 25  # requests: the slowest of so few is their 99th percentile
WATCH_S: Final = 0.005
PAUSED_S: Final = 0.025  # a thread that sleeps for WATCH_S and wakes so late was not run
TIMEOUT_S: Final = 60.0
LEAST_SHARE: Final = 0.1
QUERY: Final = "/v1/detect?mask=none"


@dataclass
class Pauses:
    """When this process was not run."""

    found: list[tuple[float, float]] = field(default_factory=list)

    def watch(self, until: float) -> None:
        """Note pauses until the time has come."""
        before = time.monotonic()
        while before < until:
            time.sleep(WATCH_S)
            now = time.monotonic()
            if now - before > WATCH_S + PAUSED_S:
                self.found.append((before, now))
            before = now

    def touch(self, began: float, ended: float) -> bool:
        """Whether the process was paused at any time between."""
        return any(start < ended and end > began for start, end in self.found)


def ask(address: tuple[str, int], method: str, path: str, body: bytes | None = None) -> int:
    """The status of an answer; 0 if there is none."""
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body, {"Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def ask_for_health(address: tuple[str, int], until: float) -> list[tuple[float, float, int]]:
    """When each request was due, when it was answered, and with which status."""
    seen, due = [], time.monotonic()
    while due < until:
        time.sleep(max(0.0, due - time.monotonic()))
        status = ask(address, "GET", "/livez")
        now = time.monotonic()
        while due <= now:
            seen.append((due, now, status))
            due += EVERY_S
    return seen


def send_frames(address: tuple[str, int], frame: bytes, until: float) -> list[tuple[float, int]]:
    """Seconds and status of each answer."""
    seen = []
    while (began := time.monotonic()) < until:
        status = ask(address, "POST", QUERY, frame)
        seen.append((time.monotonic() - began, status))
        time.sleep(max(0.0, began + FRAME_EVERY_S - time.monotonic()))
    return seen


def main() -> None:
    """Watch the server of the arguments; the frame comes by standard input."""
    address, seconds = (sys.argv[1], int(sys.argv[2])), float(sys.argv[3])
    frame, until, pauses, frames = sys.stdin.buffer.read(), time.monotonic() + seconds, Pauses(), list[Any]()
    threads = [
        threading.Thread(target=pauses.watch, args=(until + TIMEOUT_S,), daemon=True),
        threading.Thread(target=lambda: frames.extend(send_frames(address, frame, until))),
    ]
    for thread in threads:
        thread.start()
    counted: list[tuple[float, int]] = []
    while time.monotonic() < until or len(counted) < ROUND:
        health = ask_for_health(address, time.monotonic() + EVERY_S * ROUND)
        counted += [(ended - due, status) for due, ended, status in health if not pauses.touch(due, ended)]
    threads[1].join()
    sys.stdout.write(json.dumps({"health": counted, "frames": frames}))


@dataclass(frozen=True)
class Seen:
    """What the witness saw.

    Attributes:
        health: seconds and status of each request to ``/livez`` that counts.
        frames: seconds and status of each frame.
        own_share: of the CPUs, what other programs left to the server, its clients and the witness.
    """

    health: list[tuple[float, int]]
    frames: list[tuple[float, int]]
    own_share: float

    @property
    def health_p99_s(self) -> float:
        """The 99th percentile of the latency of ``/livez``, as if the server had the machine for itself.

        It is the median over rounds of half a second: other programs disturb single rounds, an attack disturbs all.
        """
        rounds = [self.health[start : start + ROUND] for start in range(0, len(self.health), ROUND)]
        return self.own_share * statistics.median(max(seconds for seconds, _ in one) for one in rounds)


def watch(client: httpx.Client, pid: int, frame: bytes, seconds: float) -> Seen:
    """What another client of the server of ``client``, the process ``pid``, sees within so many seconds."""
    command = [sys.executable, "-m", "tests.support.witness", client.base_url.host, str(client.base_url.port)]
    began, of_all, of_own = time.monotonic(), _cpu_of_all(), _cpu_of_own(pid)
    result = subprocess.run([*command, str(seconds)], input=frame, capture_output=True, check=True)
    of_others = (_cpu_of_all() - of_all) - (_cpu_of_own(pid) - of_own)
    cpus = os.cpu_count() or 1
    share = of_others / (cpus * (time.monotonic() - began))
    return Seen(**json.loads(result.stdout), own_share=min(max(1 - share, LEAST_SHARE), 1.0))


def _cpu_of_all() -> float:
    """Seconds of CPU time of all programs since the start of the machine (proc(5), /proc/stat)."""
    user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _cpu_of_own(pid: int) -> float:
    """Seconds of CPU time of the server, of this process, which attacks it, and of its children that have ended."""
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return cpu_seconds(pid) + sum(usage.ru_utime + usage.ru_stime for usage in (own, children))


if __name__ == "__main__":
    main()
