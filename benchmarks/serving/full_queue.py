"""Most memory that the server takes while as many of the largest frames as it lets in wait for the device.

python -m benchmarks.serving.full_queue
"""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import click
import httpx
import numpy as np
from PIL import Image

from benchmarks.serving.machine import describe_machine
from benchmarks.serving.proc import most_resident_mb
from benchmarks.serving.report import show
from benchmarks.serving.server import serve

REQUESTS: Final = 64  # QUEUE_SIZE
SIDE: Final = 2048  # pixels; two sides are MAX_PIXELS
TIMEOUT_S: Final = 30.0  # for most of them that is too short; memory was taken all the same


def wide_tiff() -> bytes:
    """32-bit counts: as float64 they take the most memory of all frames."""
    counts = np.random.default_rng(0).integers(0, 2**30, (SIDE, SIDE), np.int32)
    buffer = io.BytesIO()
    Image.fromarray(counts).save(buffer, "TIFF")
    return buffer.getvalue()


@click.command()
def main() -> None:
    """Fill the queue, and print what the process took."""
    body = wide_tiff()
    with serve(os.sched_getaffinity(0), request_timeout_s=str(TIMEOUT_S)) as served:
        before = most_resident_mb(served.process.pid)
        url = f"http://{served.address.host}:{served.address.port}/v1/detect?mask=none"

        def send(_: int) -> int:
            return httpx.post(url, content=body, timeout=3 * TIMEOUT_S).status_code

        with ThreadPoolExecutor(REQUESTS) as pool:
            told = list(pool.map(send, range(REQUESTS)))
        after = most_resident_mb(served.process.pid)
    click.echo(f"{REQUESTS} frames of {SIDE}x{SIDE}, 32 bits; answers: { {one: told.count(one) for one in set(told)} }")
    show(("when ready, MB", "most, MB"), [(before, after)])
    click.echo(str(describe_machine()))


if __name__ == "__main__":
    main()
