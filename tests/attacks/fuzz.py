"""The long fuzzing run: ``make fuzz`` posts mutated bodies of every format to a server of its own.

Counts answers by status; any 5xx, a dead server or growing memory ends it with exit code 1. Decoders are under attack
and not the network, so a network of three nodes stands in.
"""

import collections
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import httpx

from service.settings import PREFIX
from tests.attacks.bodies import WHOLE, mutated
from tests.service.small_models import write_small_model

GROWTH = 1.10  # of resident memory, against that after the first tenth


@click.command()
@click.option("--count", default=100_000, show_default=True, help="Bodies of each format.")
@click.option("--first", default=1_000_000, show_default=True, help="Seed of the first.")
def main(count: int, first: int) -> None:
    """Fuzz, and print a table."""
    with _served() as (server, url), httpx.Client(base_url=url, timeout=60) as client:
        while client.get("/readyz").status_code != 200:
            time.sleep(0.1)
        for form in WHOLE:  # every size and decoder takes its memory once
            _fuzz(client, form, first - count // 10, count // 10)
        early = _resident(server.pid)
        failed = [form for form in WHOLE if not _fuzz(client, form, first, count)]
        late = _resident(server.pid)
    click.echo(f"\nresident memory {early:.0f} MB after the first tenth, {late:.0f} MB at the end")
    if late > GROWTH * early:
        raise SystemExit("memory has grown")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


@contextmanager
def _served() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server with the small network, and its URL."""
    with TemporaryDirectory() as models:
        write_small_model(Path(models) / "small.onnx")
        server = subprocess.Popen(
            [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", "0"],
            env={**os.environ, f"{PREFIX}MODELS": models},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert server.stderr is not None
        url = next(match[1] for line in server.stderr if (match := re.search(r"running on (http://\S+)", line)))
        drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
        try:
            yield server, url
        finally:
            server.kill()
            drain.kill()


def _fuzz(client: httpx.Client, form: str, first: int, count: int) -> bool:
    """Whether no answer was a 5xx."""
    statuses: collections.Counter[int] = collections.Counter()
    for seed in range(first, first + count):
        answer = client.post("/v1/detect?mask=none", content=mutated(form, seed))
        statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            click.echo(f"{form}, seed {seed}: {answer.text}")
    click.echo(f"| {form} | {sum(statuses.values())} | {dict(sorted(statuses.items()))} |")
    return not any(status >= 500 for status in statuses)


def _resident(pid: int) -> float:
    fields = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", fields)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
