"""The bound: the same work in a loop, without a server.

python -m benchmarks.peers.programs.bare_loop BEGAN SECONDS WIDTH HEIGHT FILE...

BEGAN is the time of ``time.monotonic`` when the process was started. Prints figures as JSON.
"""

import json
import os
import sys
import time
from itertools import cycle
from pathlib import Path

from benchmarks.peers.processes import core_s, own_resident_mb
from benchmarks.peers.programs.work import Work


def main(began: float, seconds: float, width: int, height: int, files: list[str]) -> None:
    """Answer the frames in turn for so many seconds; the first four are the warm-up."""
    work, contents = Work(), [Path(file).read_bytes() for file in files]
    work(contents[0], width, height)
    found = {"ready_after_s": time.monotonic() - began, "begin_mb": own_resident_mb()}
    for content in contents[1:4]:
        work(content, width, height)
    (core,) = os.sched_getaffinity(0)
    at, used, on_core, took = time.monotonic(), time.process_time(), core_s(core), list[float]()
    for content in cycle(contents):
        before = time.monotonic()
        if before - at > seconds:
            break
        work(content, width, height)
        took.append(1e3 * (time.monotonic() - before))
    wall_s, cpu_s = time.monotonic() - at, time.process_time() - used
    others = max(0.0, core_s(core) - on_core - cpu_s) / wall_s
    found |= {"wall_s": wall_s, "cpu_s": cpu_s, "others": others, "end_mb": own_resident_mb()}
    sys.stdout.write(json.dumps(found | {"took_ms": took}) + "\n")


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
