"""This service and FastAPI by hand, measured with small frames for a moment."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers import processes
from benchmarks.peers.bench import Bench
from benchmarks.peers.contenders import Contender, contenders
from benchmarks.peers.loads import Body, Input, Load, png8
from benchmarks.peers.measure import BOUND, Times
from benchmarks.peers.runs import Results, load_results
from benchmarks.peers.session import Failed, start
from benchmarks.serving.servers.cores import pinned, share_out


def small(seed: int) -> Body:
    return png8(seed, 64, 64)


LOADS = (Load(8), Load(share=0.8))
TIMES = Times(seconds=0.5, warm_up=0.1, idle=0.1, most_others=1.0)


def own_and_by_hand() -> list[Contender]:
    """FastAPI by hand in the environment of the tests."""
    own, *others = contenders()
    (by_hand,) = (one for one in others if one.name == "FastAPI by hand")
    return [own, replace(by_hand, environment=None)]


@contextmanager
def cores() -> Iterator[int]:
    (core,), own = share_out()
    with pinned(own):
        yield core


def test_servers_are_measured_and_a_measurement_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    file, kind = tmp_path / "peers.json", Input("64x64", small, LOADS)
    results = Results({"versions": {}})
    with cores() as core:
        Bench(own_and_by_hand(), [kind], results, file, core, TIMES, rounds=1, large_rounds=0, attempts=1).run()
        kept = load_results(file)
        Bench(own_and_by_hand(), [kind], load_results(file), file, core, TIMES, 1, 0, 1).run()
    assert kept.missing == {}
    assert {(run.contender, run.load) for run in kept.runs} == {
        (BOUND, "loop"),
        *((one.name, load.name) for one in own_and_by_hand() for load in LOADS),
    }
    assert all(run.answers > 0 and run.failed == 0 and run.cpu_ms for run in kept.runs)
    assert all(40 < one.resident_mb < 1000 and 0 < one.ready_after_s < 60 for one in kept.starts)
    assert load_results(file).runs == kept.runs  # nothing was left to measure


def test_a_server_that_does_not_start_says_why() -> None:
    broken = replace(own_and_by_hand()[1], command=lambda port, folder: ("-c", "raise SystemExit('no such model')"))
    with cores() as core, pytest.raises(Failed, match="no such model"), start(broken, small(0), {core}):
        pass


def test_all_processes_of_a_server_are_found_and_killed() -> None:
    program = (
        "import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True); import time; time.sleep(60)"
    )
    process = subprocess.Popen((sys.executable, "-c", program), env=os.environ | {processes.MARK: "a test"})
    while len(processes.pids("a test")) < 2:
        time.sleep(0.05)
    assert processes.resident_mb("a test") > 1
    processes.kill("a test")
    process.wait()
    assert processes.pids("a test") == []
