"""A command with a time limit, whose output is both shown and kept after what earlier runs said."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from threading import Timer
from typing import Final

import click

AGAIN: Final = 75  # a command's exit code that asks for another run in the next call
GRACE_S: Final = 15.0  # between the wish and the order to end


class Outcome(Enum):
    """What became of it; one that was stopped goes on when it is run again, as does one that a signal ended."""

    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped, goes on in the next call"


def run(command: Sequence[str], seconds: float, log: Path, environment: Mapping[str, str]) -> Outcome:
    """Run it to its end or for so long; its output, errors too, goes to standard output and into ``log``."""
    stopped: list[bool] = []
    with subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",  # what a library says as it dies need not be UTF-8
        start_new_session=True,
    ) as process:

        def stop(how: signal.Signals) -> None:
            stopped.append(True)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, how)

        timers = [Timer(seconds, stop, [signal.SIGTERM]), Timer(seconds + GRACE_S, stop, [signal.SIGKILL])]
        for timer in timers:
            timer.start()
        _tee(process, log)
        code = process.wait()
        for timer in timers:
            timer.cancel()
    if stopped or code == AGAIN or code < 0:  # a crash, or no memory: the tries of what it did are its own to count
        return Outcome.STOPPED
    return Outcome.DONE if code == 0 else Outcome.FAILED


def _tee(process: subprocess.Popen[str], log: Path) -> None:
    """Until the process and all that it started have closed their output."""
    assert process.stdout is not None
    with log.open("a") as kept:
        for line in process.stdout:
            click.echo(line, nl=False)
            kept.write(line)
            kept.flush()
