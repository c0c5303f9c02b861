"""Disturbances of a server under load: new model files, and clients that disconnect early."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

from benchmarks.serving.clients.http_client import Address, hang_up
from benchmarks.serving.clients.requests import Request
from benchmarks.serving.servers.model_versions import write_version

LONGEST_WAIT_S = 0.3  # of a client, before it disconnects


async def reload_often(folder: Path, every_s: float, begin_s: float, end_s: float) -> None:
    """Write a new version of the model file every ``every_s`` seconds, between ``begin_s`` and ``end_s`` from now."""
    await asyncio.sleep(begin_s)
    for version in range(2, 2 + int((end_s - begin_s) / every_s)):
        await asyncio.to_thread(write_version, folder, version)
        await asyncio.sleep(every_s)


async def hang_up_often(address: Address, requests: Sequence[Request], every_s: float) -> None:
    """Clients that disconnect before their answer, half of them before they have sent their whole request; endless."""
    rng = random.Random(0)
    while True:
        await asyncio.sleep(every_s)
        content = rng.choice(requests).content
        sent = content if rng.random() < 0.5 else content[: rng.randrange(1, len(content))]
        await hang_up(address, sent, rng.uniform(0, LONGEST_WAIT_S))
