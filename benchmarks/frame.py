"""CPU time of every step of one frame of 640x512 pixels in 16 bits, beside the network.

python -m benchmarks.frame --other ~/old-checkout --json benchmarks/results/frame.json

The steps are measured one by one in a thread of a small process, which allocates memory as the service does. Their sum
is measured a second time in a server that answers requests, where the network empties the caches between two frames.
With ``--other`` both are measured for another checkout too, in turns.
"""

import base64
import json
import os
import statistics
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import click
import numpy as np
import uvloop

from benchmarks.serving.checkouts import checkouts, other_option
from benchmarks.serving.clients.requests import Request, detect
from benchmarks.serving.measurements.beyond import ask_in_turn
from benchmarks.serving.report import json_option, keep, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.counted import read_account
from benchmarks.serving.servers.start import serve
from service.simulation.scene import make_scene
from tests.support import frames

COUNTS: Final = make_scene(0, 512, 640).counts(14).astype(np.uint16)
PNG, TIFF, ROWS = "16-bit PNG", "16-bit TIFF", "raw rows, u16le"
BODIES: Final = {
    PNG: (frames.png(COUNTS), "image/png"),
    TIFF: (frames.tiff(COUNTS), "image/tiff"),
    ROWS: (COUNTS.tobytes(), "application/octet-stream"),
}
LAYOUT: Final = "width=640&height=512&dtype=u16le&"
# of an answer with a PNG mask; the others are parts of these, or take their place
STEPS: Final = ("decode", "prepare", "find targets", "mask as PNG", "JSON")
# both programs run in either checkout, so they use only what both have
STEPS_OF_A_FRAME: Final = """
import base64, json, sys, time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from service.detection.description import MaskEncoding, describe_detection, encode_png, encode_probability
from service.detection.detector import Detector
from service.detection.options import Options
from service.frames import Budget, RawLayout, RawType, decode
from service.pretrained import DEFAULT
from service.runtime import Device
from service.runtime.runtime import Runtime
from service.server.memory import return_large_blocks
from intensity import auto_range, to_intensity

def cost(step):
    for _ in range(20):
        step()
    began = time.thread_time()
    for _ in range(100):
        step()
    return (time.thread_time() - began) / 100

def measure():
    raw, options, times = RawLayout(640, 512, RawType("u16le")), Options(), {}
    detector = Detector(Runtime(DEFAULT, Device.CPU))
    for name, (body, media_type) in json.load(sys.stdin).items():
        body = base64.b64decode(body)
        layout = raw if media_type == "application/octet-stream" else None
        read = lambda: decode(body, media_type, Budget(), raw=layout)
        times["decode", name] = cost(read)
    (frame,) = read()
    span = auto_range(frame.counts)
    prepared = detector.prepare(frame, options)
    probabilities = detector.infer(prepared)
    found = detector.finish(prepared, probabilities, options)
    described = describe_detection(0, found, MaskEncoding.PNG)
    write = lambda: json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    describe = lambda: describe_detection(0, found, MaskEncoding.NONE)
    times["prepare", ""] = cost(lambda: detector.prepare(frame, options))
    times["prepare", "the range alone"] = cost(lambda: auto_range(frame.counts))
    times["prepare", "the intensities alone"] = cost(lambda: to_intensity(frame.counts, span))
    times["find targets", ""] = cost(lambda: detector.finish(prepared, probabilities, options))
    without = replace(prepared, counts=None)
    times["find targets", "without their signal"] = cost(lambda: detector.finish(without, probabilities, options))
    times["mask as PNG", ""] = cost(lambda: encode_png(found.found.mask))
    times["JSON", ""] = cost(describe) + cost(write)
    times["probabilities as PNG", "in place of the mask"] = cost(lambda: encode_probability(found.probabilities))
    return [[*step, seconds] for step, seconds in times.items()]

return_large_blocks()
print(json.dumps(ThreadPoolExecutor(1).submit(measure).result()))
"""
SERVER: Final = """
import sys
from pathlib import Path
from benchmarks.serving.servers.counted import Account
from service.api.detect import work
from service.cli import main

account = Account(Path(sys.argv.pop(1)))
work.read_entries = account.counting(work.read_entries)
work.write_answer = account.counting(work.write_answer)
main()
"""

Times = dict[tuple[str, str], float]  # step and part -> milliseconds of CPU


def measure_steps(checkout: Path) -> Times:
    """One round, in a process of its own."""
    bodies = {name: (base64.b64encode(body).decode(), kind) for name, (body, kind) in BODIES.items()}
    command = [sys.executable, "-c", STEPS_OF_A_FRAME]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    ended = subprocess.run(
        command, input=json.dumps(bodies).encode(), stdout=subprocess.PIPE, cwd=checkout, env=environment, check=True
    )
    return {(step, part): 1e3 * seconds for step, part, seconds in json.loads(ended.stdout)}


def measure_served(checkout: Path, requests: int) -> Times:
    """One round, in a server that counts the CPU of its request threads, which do everything but the network."""
    server_cores, own_cores = share_out()
    taken: Times = {}
    with TemporaryDirectory() as folder:
        account = Path(folder) / "account"
        program = ("-c", SERVER, str(account))
        with pinned(own_cores), chdir(checkout), serve(server_cores, program) as served:
            for name, request in _requests().items():
                uvloop.run(ask_in_turn(served.address, [request], 5))
                before = read_account(account)
                uvloop.run(ask_in_turn(served.address, [request], requests))
                taken["in a server", name] = 1e3 * (read_account(account) - before) / requests
    return taken


def _requests() -> dict[str, Request]:
    return {
        name: detect(name, body, kind, (LAYOUT if name == ROWS else "") + "mask=png")
        for name, (body, kind) in BODIES.items()
    }


def with_sums(times: Times) -> Times:
    """The steps, and their sum for each kind of file."""
    beyond = sum(times[step, ""] for step in STEPS if step != "decode")
    return times | {("all steps", name): times["decode", name] + beyond for name in BODIES}


@click.command()
@other_option
@click.option("--rounds", default=7, show_default=True)
@click.option("--requests", default=30, show_default=True, help="Requests of each kind and round; 0 starts no server.")
@json_option
def main(other: Path | None, rounds: int, requests: int, json_file: Path | None) -> None:
    """Measure, and print the median of the rounds and the least, in milliseconds."""
    compared = checkouts(other)
    taken: dict[str, list[Times]] = {which: [] for which in compared}
    for _ in range(rounds):
        for which, checkout in compared.items():
            served = measure_served(checkout, requests) if requests else {}
            taken[which].append(with_sums(measure_steps(checkout)) | served)
    rows: list[list[Any]] = []
    for step, part in taken["this"][0]:
        rounds_of = [[times[step, part] for times in taken[which]] for which in compared]
        rows.append([f"{step}, {part}" if part else step])
        rows[-1] += [f"{of(values):.3f}" for values in rounds_of for of in (statistics.median, min)]
    show(("step", *(f"{which}: {what} ms" for which in compared for what in ("median", "least"))), rows)
    named = {which: [{"; ".join(step): ms for step, ms in times.items()} for times in taken[which]] for which in taken}
    keep(json_file, {"rounds": rounds, "requests": requests}, {"milliseconds": named})


if __name__ == "__main__":
    main()
