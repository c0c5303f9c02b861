"""The whole measurement: rounds of all servers in an order that changes, saved after every load."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import click
import uvloop

from benchmarks.environments import NoEnvironment, install, versions
from benchmarks.peers import processes
from benchmarks.peers.contenders import Contender
from benchmarks.peers.loads import Input, Load
from benchmarks.peers.measure import BOUND, LOOP, Questions, Times, idle_share, measure, measure_bound
from benchmarks.peers.runs import Results, Run, Start
from benchmarks.peers.session import Failed, Server, check, start
from benchmarks.serving.clients.http_client import ask

BOUND_ATTEMPTS: Final = 2  # times as many as of a load, because the rates of all loads depend on it
CHECKED: Final = 3  # frames whose answers are compared before the loads


@dataclass(slots=True)
class Bench:
    """One measurement.

    Attributes:
        file: of the results.
        core: of the server.
        attempts: how often a load is measured until other programs leave the core alone.
        large_rounds: rounds that measure the large frames too.
    """

    contenders: Sequence[Contender]
    inputs: Sequence[Input]
    results: Results
    file: Path
    core: int
    times: Times
    rounds: int
    large_rounds: int
    attempts: int
    _asked: dict[str, Questions] = field(default_factory=dict)

    def run(self) -> None:
        """Measure what the results do not have yet."""
        ready = [one for one in self.contenders if self._prepare(one)]
        for number in range(self.rounds):
            for one in order(ready, number):
                for kind in self._inputs_of(number):
                    self._bound(number, kind) if one is None else self._loads(number, one, kind)

    def _prepare(self, contender: Contender) -> bool:
        try:
            install(contender)
        except NoEnvironment as fault:
            self._miss(contender, f"not installed: {fault}")
            return False
        self.results.about["versions"][contender.name] = versions(contender)
        self.results.save(self.file)
        return True

    def _miss(self, contender: Contender, reason: str) -> None:
        click.echo(f"{contender.name}: {reason}", err=True)
        self.results.missing[contender.name] = reason
        self.results.save(self.file)

    def _questions(self, kind: Input) -> Questions:
        """The frames of an input, and the answers of this service, which is started once for that."""
        if not self._asked:
            with start(self.contenders[0], self.inputs[0].bodies(1)[0], {self.core}) as server:
                self._asked = {one.name: _ask(server, one) for one in self.inputs}
        return self._asked[kind.name]

    def _inputs_of(self, number: int) -> list[Input]:
        return [kind for kind in self.inputs if not kind.is_large or number < self.large_rounds]

    def _bound(self, number: int, kind: Input) -> None:
        if self.results.has((number, BOUND, kind.name, LOOP)):
            return
        found = [measure_bound(number, kind, self.times, self.core)]
        while found[-1][0].disturbed and len(found) < BOUND_ATTEMPTS * self.attempts:
            found.append(measure_bound(number, kind, self.times, self.core))
        run, begin = min(found, key=lambda pair: pair[0].others)
        self.results.rates.setdefault(kind.name, run.answers)
        self.results.starts.append(begin)
        self._add(run)

    def _loads(self, number: int, contender: Contender, kind: Input) -> None:
        """Every load that is not measured yet, with as many starts of the server as that takes."""
        left = [load for load in kind.loads if not self.results.has((number, contender.name, kind.name, load.name))]
        while left and contender.name not in self.results.missing:
            questions = self._questions(kind)
            try:
                with start(contender, questions.bodies[0], {self.core}) as server:
                    self._session(number, server, kind, questions, left)
            except Failed as fault:
                self._miss(contender, str(fault))

    def _session(self, number: int, server: Server, kind: Input, questions: Questions, left: list[Load]) -> None:
        """Loads of one running server, until none is left or it is too far behind to go on."""
        check(server, questions.bodies[:CHECKED], questions.expected[:CHECKED])
        resident_mb = processes.resident_mb(server.mark)
        idle = idle_share(server, self.times.idle) if kind is self.inputs[0] else None
        settled = True
        while left and settled:
            settled = self._load(number, server, kind, questions, left.pop(0), is_last=not left)
        end_mb = processes.resident_mb(server.mark)
        name = server.contender.name
        self.results.starts.append(Start(number, name, kind.name, server.ready_after_s, resident_mb, idle, end_mb))
        self.results.save(self.file)

    def _load(self, number: int, server: Server, kind: Input, questions: Questions, load: Load, is_last: bool) -> bool:
        """One load, again if it was disturbed; whether the server is done with its work afterwards."""
        rate, name = self.results.rates[kind.name], server.contender.name
        found: list[Run] = []
        settled = True
        while settled and len(found) < self.attempts and (not found or found[-1].disturbed):
            seed = 1000 * number + len(found)
            figures = measure(server, load, questions, rate, self.times, self.core, seed)
            found.append(Run(number, name, kind.name, load.name, **figures))
            settled = (is_last and not found[-1].disturbed) or server.settle()
        self._add(min(found, key=lambda run: run.others))
        return settled

    def _add(self, run: Run) -> None:
        self.results.runs.append(run)
        self.results.save(self.file)
        click.echo(describe(run), err=True)


def order(contenders: Sequence[Contender], number: int) -> list[Contender | None]:
    """The servers and the bound (None), in the order of a round; the first round needs the bound first."""
    shuffled = list(contenders)
    random.Random(number).shuffle(shuffled)
    place = random.Random(number).randrange(len(shuffled) + 1) if number else 0
    return [*shuffled[:place], None, *shuffled[place:]]


def describe(run: Run) -> str:
    """A line of the log."""
    mark = f", DISTURBED ({run.others:.0%} of the core)" if run.disturbed else ""
    return (
        f"round {run.round + 1}, {run.contender}, {run.input}, {run.load}: {run.answers:.1f}/s, "
        f"{run.within_500_ms:.1f}/s within 500 ms, {run.refused} refused, {run.failed} failed{mark}"
    )


def _ask(server: Server, kind: Input) -> Questions:
    bodies = kind.bodies()
    answers = [uvloop.run(ask(server.address, server.contender.request(body).content)) for body in bodies]
    return Questions(bodies, [server.contender.answer((one.headers, one.body)) for one in answers])
