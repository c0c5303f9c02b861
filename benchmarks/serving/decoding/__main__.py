"""CPU time of decoding one frame of each common kind; with ``--other``, of another checkout too, in turns.

python -m benchmarks.serving.decoding --other ~/old-checkout --json benchmarks/results/serving-decoding.json
"""

import base64
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import click
import numpy as np

from benchmarks.serving.checkouts import checkouts, other_option
from benchmarks.serving.report import json_option, keep, show
from service.simulation.scene import make_scene
from tests.support import frames

DEEP: Final = make_scene(0, 512, 640).counts(14).astype(np.uint16)
EIGHT: Final = make_scene(0, 256, 256).counts(8).astype(np.uint8)
BODIES: Final = {
    "8-bit PNG, 256x256": (frames.png(EIGHT), "image/png"),
    "16-bit PNG, 640x512": (frames.png(DEEP), "image/png"),
    "16-bit TIFF, 640x512": (frames.tiff(DEEP), "image/tiff"),
    "8-bit JPEG, 256x256": (frames.jpeg(EIGHT), "image/jpeg"),
    "8-bit BMP, 256x256": (frames.bmp(EIGHT), "image/bmp"),
    "16-bit .npy, 640x512": (frames.npy(DEEP), "application/x-npy"),
    "raw rows, u16le, 640x512": (DEEP.tobytes(), "application/octet-stream"),
}
# runs in either checkout, so it uses only what both have
WORKER: Final = """
import base64, json, sys, time
from service.frames import Budget, RawLayout, RawType, decode
raw = RawLayout(640, 512, RawType("u16le"))
times = {}
for name, (body, media_type) in json.load(sys.stdin).items():
    body = base64.b64decode(body)
    layout = raw if media_type == "application/octet-stream" else None
    for _ in range(20):
        decode(body, media_type, Budget(), raw=layout)
    began = time.thread_time()
    for _ in range(100):
        decode(body, media_type, Budget(), raw=layout)
    times[name] = (time.thread_time() - began) / 100
print(json.dumps(times))
"""


def measure(checkout: Path) -> dict[str, float]:
    """Seconds of CPU a frame, in a process of its own."""
    bodies = {name: (base64.b64encode(body).decode(), kind) for name, (body, kind) in BODIES.items()}
    # large blocks go back to the system one by one, as in the service (service/server/memory.py)
    environment = os.environ | {"PYTHONPATH": str(checkout), "MALLOC_MMAP_THRESHOLD_": "1048576"}
    command = [sys.executable, "-c", WORKER]
    ended = subprocess.run(
        command, input=json.dumps(bodies).encode(), stdout=subprocess.PIPE, cwd=checkout, env=environment, check=True
    )
    times: dict[str, float] = json.loads(ended.stdout)
    return times


@click.command()
@other_option
@click.option("--rounds", default=9, show_default=True)
@json_option
def main(other: Path | None, rounds: int, json_file: Path | None) -> None:
    """Measure, and print medians and quartiles of the rounds in milliseconds."""
    compared = checkouts(other)
    taken: dict[str, dict[str, list[float]]] = {which: {name: [] for name in BODIES} for which in compared}
    for _ in range(rounds):
        for which, checkout in compared.items():
            for name, seconds in measure(checkout).items():
                taken[which][name].append(1e3 * seconds)
    rows: list[list[Any]] = []
    for name in BODIES:
        medians = [statistics.median(taken[which][name]) for which in compared]
        least = [min(taken[which][name]) for which in compared]
        rows.append([name, *(f"{one:.3f}" for pair in zip(medians, least, strict=True) for one in pair)])
    head = [f"{which}: {what} ms" for which in compared for what in ("median", "least")]
    show(("frame", *head), rows)
    keep(json_file, {"rounds": rounds}, {"milliseconds": taken})


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.serving.decoding")
