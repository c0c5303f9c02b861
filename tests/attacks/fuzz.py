"""The long fuzzing run: ``make fuzz`` posts mutated bodies of every format, each format to a server of its own.

Any 5xx, a request without an answer, or memory that grows ends it with exit code 1. Decoders are under attack and not
the network, so a network of three nodes stands in. With ``--json`` each format is kept when it is done, and not done
again: a run that was interrupted goes on.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import uvloop

from benchmarks.serving.clients.http_client import Address, Lost, Refused, Stream
from benchmarks.serving.report import json_option, keep, show
from benchmarks.serving.servers.cores import pinned, share_out
from benchmarks.serving.servers.process import cpu_seconds, resident_mb
from benchmarks.serving.servers.start import Served, serve
from tests.attacks.bodies import FORMS, mutated
from tests.support.small_models import write_small_model

CLIENTS = 4
MASKS = ("none", "png", "rle", "probability")
PARTS = 10  # of a run; memory is looked at after each
GROWTH = 1.10  # of resident memory in the last three parts, against that in the first three
ENOUGH = 10_000  # bodies: after fewer, rare ones still make the server take memory that it has not needed yet
TOLD_EVERY = 10_000  # bodies
HEAD = ("format", "bodies", "2xx", "4xx", "5xx", "no answer", "bodies/s", "CPU ms", "slowest ms", "MB early", "MB late")
SHOWN = 200  # bytes of an answer


@dataclass(slots=True)
class Fuzzed:
    """What came of a format's bodies; ``memory_mb`` after each part of the run."""

    form: str
    bodies: int = 0
    lost: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    slowest_ms: float = 0.0
    memory_mb: list[float] = field(default_factory=list)

    @property
    def has_grown(self) -> bool:
        """The least of the end against the most of the beginning: large frames come by chance, and stay for a while."""
        early, late = self.memory_mb[:3], self.memory_mb[-3:]
        return self.bodies >= ENOUGH and min(late) > GROWTH * max(early)

    @property
    def failed(self) -> bool:
        return bool(self.faults) or self.has_grown

    def row(self) -> Sequence[object]:
        """For the table."""
        of_class = [sum(n for status, n in self.statuses.items() if status[0] == first) for first in "245"]
        per_body = (self.bodies / self.seconds, 1e3 * self.cpu_seconds / self.bodies) if self.bodies else (None, None)
        memory = (self.memory_mb[0], self.memory_mb[-1]) if self.memory_mb else (None, None)
        return self.form, self.bodies, *of_class, self.lost, *per_body, self.slowest_ms, *memory


async def attack(address: Address, seeds: Iterator[int], found: Fuzzed) -> None:
    """Post one body after another, on one connection while the server keeps it."""
    stream = await Stream.open(address)
    for seed in seeds:
        began = time.monotonic()
        try:
            answer = await stream.send(request(found.form, seed))
        except Lost as lost:
            found.lost += 1
            found.faults.append(f"{found.form}, seed {seed}: no answer, {lost}")
            stream = await Stream.open(address)
            continue
        found.bodies += 1
        found.slowest_ms = max(found.slowest_ms, 1e3 * (time.monotonic() - began))
        found.statuses[str(answer.status)] = found.statuses.get(str(answer.status), 0) + 1
        if answer.status >= 500:
            found.faults.append(f"{found.form}, seed {seed}: {answer.body[:SHOWN]!r}")
        if answer.headers.get("connection") == "close":
            stream.close()
            stream = await Stream.open(address)
        if found.bodies % TOLD_EVERY == 0:
            click.echo(f"{found.form}: {found.bodies}")
    stream.close()


def request(form: str, seed: int) -> bytes:
    """A mutated body with its head; the kinds of mask in turn."""
    body, path = mutated(form, seed), FORMS[form].path.format(model="small", mask=MASKS[seed % len(MASKS)])
    headers = {"Host": "attack", **FORMS[form].headers, "Content-Length": str(len(body))}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


async def attack_together(address: Address, seeds: range, found: Fuzzed) -> None:
    """Several clients share the seeds."""
    shared = iter(seeds)
    await asyncio.gather(*(attack(address, shared, found) for _ in range(CLIENTS)))


def fuzz(form: str, first: int, count: int) -> Fuzzed:
    """Bodies of ``count`` seeds from ``first``, to a server of its own."""
    server_cores, own_cores = share_out()
    found = Fuzzed(form)
    with TemporaryDirectory() as models:
        write_small_model(Path(models) / "small.onnx")
        with serve(server_cores, models=models) as served, pinned(own_cores):
            try:
                fuzz_in_parts(served, range(first, first + count), found)
            except Refused:
                found.faults.append(f"{form}: the server is gone after {found.bodies} bodies")
            found.faults += served.errors()
    return found


def fuzz_in_parts(served: Served, seeds: range, found: Fuzzed) -> None:
    """A part after the other, with a look at what the server has taken after each."""
    pid = served.process.pid
    began, used = time.monotonic(), cpu_seconds(pid)
    for part in range(PARTS):
        size = len(seeds)
        uvloop.run(attack_together(served.address, seeds[size * part // PARTS : size * (part + 1) // PARTS], found))
        found.memory_mb.append(resident_mb(pid))
        found.seconds, found.cpu_seconds = time.monotonic() - began, cpu_seconds(pid) - used


def kept(json_file: Path | None, options: dict[str, Any]) -> dict[str, Fuzzed]:
    """The formats that an earlier run with the same options has done."""
    if json_file is None or not json_file.exists():
        return {}
    content = json.loads(json_file.read_text())
    if content["options"] != options:
        raise click.UsageError(f"{json_file} is of {content['options']}; remove it, or keep this run elsewhere")
    return {form: Fuzzed(**fields) for form, fields in content["formats"].items()}


@click.command(epilog="Example: python -m tests.attacks.fuzz --form tiff --form tiff-be --json fuzz.json")
@click.option("--form", "forms", multiple=True, type=click.Choice(list(FORMS)), help="All by default.")
@click.option("--count", default=100_000, show_default=True, help="Bodies of each format.")
@click.option("--first", default=1_000_000, show_default=True, help="Seed of the first.")
@json_option
def main(forms: tuple[str, ...], count: int, first: int, json_file: Path | None) -> None:
    """Fuzz, and print a table."""
    options = {"count": count, "first": first}
    done = kept(json_file, options)
    for form in forms or FORMS:
        if form not in done:
            done[form] = fuzz(form, first, count)
            keep(json_file, options, {"formats": {name: asdict(found) for name, found in done.items()}})
    show(HEAD, [found.row() for found in done.values()])
    failed = [found for found in done.values() if found.failed]
    if failed:
        told = [f"{found.form}: memory has grown" for found in failed if found.has_grown]
        raise SystemExit("\n".join(["", *told, *(fault for found in failed for fault in found.faults)]))


if __name__ == "__main__":
    main()
