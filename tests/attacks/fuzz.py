"""The long fuzzing run: ``make fuzz`` posts mutated bodies of every format to a server of its own.

Counts answers by status; any 5xx, a dead server or growing memory ends it with exit code 1.
"""

import collections
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import httpx

from tests.attacks.bodies import WHOLE, mutated

GROWTH = 1.10  # of resident memory, against that after the first tenth


@click.command()
@click.option("--count", default=100_000, show_default=True, help="Bodies of each format.")
@click.option("--first", default=1_000_000, show_default=True, help="Seed of the first.")
def main(count: int, first: int) -> None:
    """Fuzz, and print a table."""
    server = subprocess.Popen(
        [sys.executable, "-c", "from service.cli import main; main()", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert server.stderr is not None
    url = next(match[1] for line in server.stderr if (match := re.search(r"running on (http://\S+)", line)))
    drain = subprocess.Popen(["cat"], stdin=server.stderr, stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=url, timeout=60) as client:
            while client.get("/readyz").status_code != 200:
                time.sleep(0.1)
            failed = [form for form in WHOLE if not _fuzz(client, server.pid, form, first, count)]
    finally:
        server.kill()
        drain.kill()
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def _fuzz(client: httpx.Client, pid: int, form: str, first: int, count: int) -> bool:
    statuses: collections.Counter[int] = collections.Counter()
    early = 0.0
    for number in range(count):
        answer = client.post("/v1/detect?mask=none", content=mutated(form, first + number))
        statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            click.echo(f"{form}, seed {first + number}: {answer.text}")
        if number == count // 10:
            early = _resident(pid)
    late = _resident(pid)
    click.echo(f"| {form} | {dict(sorted(statuses.items()))} | {early:.0f} MB | {late:.0f} MB |")
    return not any(status >= 500 for status in statuses) and late <= GROWTH * early


def _resident(pid: int) -> float:
    fields = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", fields)[1]) / 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
