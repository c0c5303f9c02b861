"""Peak memory of the server while its queue is full of the largest frames.

python -m benchmarks.serving.full_queue
python -m benchmarks.serving.full_queue --requests 1 --width 1280 --height 1024
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
from benchmarks.serving.report import show
from benchmarks.serving.servers.process import most_resident_mb
from benchmarks.serving.servers.start import serve

TIMEOUT_S: Final = 30.0  # too short for most of the requests, but they take their memory all the same


def wide_tiff(width: int, height: int) -> bytes:
    """A TIFF of 32-bit counts: decoded to float64, such frames take the most memory."""
    counts = np.random.default_rng(0).integers(0, 2**30, (height, width), np.int32)
    buffer = io.BytesIO()
    Image.fromarray(counts).save(buffer, "TIFF")
    return buffer.getvalue()


@click.command()
@click.option(
    "--requests", type=click.IntRange(1), default=64, show_default=True, help="Sent at once; the default is QUEUE_SIZE."
)
@click.option("--width", type=click.IntRange(1), default=2048, show_default=True, help="Pixels.")
@click.option("--height", type=click.IntRange(1), default=2048, show_default=True, help="Pixels.")
def main(requests: int, width: int, height: int) -> None:
    """Fill the queue, and print the peak of the resident memory."""
    body = wide_tiff(width, height)
    limits = {"request_timeout_s": str(TIMEOUT_S), "max_pixels": str(width * height), "max_body_bytes": str(len(body))}
    with serve(os.sched_getaffinity(0), **limits) as served:
        before = most_resident_mb(served.process.pid)
        url = f"http://{served.address.host}:{served.address.port}/v1/detect?mask=none"

        def send(_: int) -> int:
            return httpx.post(url, content=body, timeout=3 * TIMEOUT_S).status_code

        with ThreadPoolExecutor(requests) as pool:
            statuses = list(pool.map(send, range(requests)))
        after = most_resident_mb(served.process.pid)
    counts = {one: statuses.count(one) for one in set(statuses)}
    click.echo(f"{requests} frames of {width}x{height}, 32 bits; answers: {counts}")
    show(("when ready, MB", "most, MB"), [(before, after)])
    click.echo(str(describe_machine()))


if __name__ == "__main__":
    main()
