"""Runs a job on processes of this machine. A process that dies costs no other frame, and none outlives the job."""

import multiprocessing
import os
import signal
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Final, cast

from distributed.job import Job, tasks_of
from distributed.rows import Row, fault_row
from distributed.store import File
from distributed.worker import Worker
from service.runtime import ModelFault

CONTEXT: Final = multiprocessing.get_context("spawn")  # ONNX Runtime and Arrow have threads, which a fork would lose
ATTEMPTS: Final = 2  # a process may die by accident once; the file that it dies of again gets an error
END_S: Final = 5.0

Task = list[File]


@dataclass(slots=True)
class _Process:
    """A worker process, and the task that it has."""

    process: BaseProcess
    connection: Connection
    is_ready: bool = False
    task: Task = field(default_factory=list)

    @property
    def is_idle(self) -> bool:
        return self.is_ready and not self.task

    def start(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # it is dead, which the next ``receive`` finds
            self.connection.send(task)

    def receive(self) -> list[Row]:
        """Rows of its task; none after the start.

        Raises:
            ModelFault: the model cannot be used.
            EOFError: the process is dead.
        """
        try:
            answer = self.connection.recv()
        except OSError as error:
            raise EOFError from error
        if isinstance(answer, ModelFault):
            raise answer
        self.is_ready, self.task = True, []
        return cast("list[Row]", answer)

    def end(self) -> str:
        """End it now; returns how it ended."""
        self.process.terminate()
        self.process.join(END_S)
        self.process.kill()
        self.process.join()
        self.connection.close()
        code = self.process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


class _Processes:
    """The tasks that wait and the processes that work on them."""

    def __init__(self, job: Job, files: Sequence[File], workers: int) -> None:
        self._job = job
        self._waiting = deque(tasks_of(files, workers))
        self._deaths: Counter[str] = Counter()
        self._processes: list[_Process] = []
        self._workers = min(workers, len(self._waiting))

    def run(self) -> Generator[list[Row]]:
        """The rows of each task, in the order in which they are done."""
        try:
            self._processes += [self._new() for _ in range(self._workers)]
            while self._start_tasks():
                for one in self._heard():
                    yield self._take(one)
        finally:
            for one in self._processes:
                one.end()

    def _new(self) -> _Process:
        ours, theirs = CONTEXT.Pipe()
        process = CONTEXT.Process(target=_work, args=(self._job, theirs), name="bulk", daemon=True)
        process.start()
        theirs.close()
        return _Process(process, ours)

    def _start_tasks(self) -> bool:
        """Give tasks to idle processes; False if all work is done."""
        for one in self._processes:
            if one.is_idle and self._waiting:
                one.start(self._waiting.popleft())
        return bool(self._waiting) or any(one.task for one in self._processes)

    def _heard(self) -> list[_Process]:
        """Processes that have answered or died."""
        by_connection = {one.connection: one for one in self._processes}
        return [by_connection[cast("Connection", ready)] for ready in wait(by_connection)]

    def _take(self, one: _Process) -> list[Row]:
        try:
            return one.receive()
        except EOFError:
            self._processes.remove(one)
            ended = one.end()
        if not one.is_ready:
            if not any(other.is_ready for other in self._processes):
                raise ModelFault(f"a worker process ended with {ended} while it loaded the model")
            return []  # the others go on without it
        self._processes.append(self._new())
        return list(self._blame(one.task, ended))

    def _blame(self, task: Task, ended: str) -> Iterator[Row]:
        """Let each file of the task of a dead process run alone; a file that kills processes alone gets an error."""
        if len(task) > 1:
            self._waiting.extendleft([file] for file in reversed(task))
            return
        for file in task:
            self._deaths[file.path] += 1
            if self._deaths[file.path] < ATTEMPTS:
                self._waiting.appendleft([file])
            else:
                fault = f"{ATTEMPTS} worker processes ended with {ended} while they read this file"
                yield fault_row(self._job, file.path, 0, fault)


def run_on_processes(job: Job, files: Sequence[File], workers: int) -> Generator[list[Row]]:
    """The rows of the files, whole files at a time, in the order in which they are done.

    Args:
        job: what each process is given.
        files: all files.
        workers: number of processes.

    Raises:
        ModelFault: the model cannot be used.
    """
    return _Processes(job, files, workers).run()


def _work(job: Job, connection: Connection) -> None:
    """What a process does: load the model, then answer one task after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one ends the others
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        worker = Worker(job)
    except ModelFault as fault:
        connection.send(fault)
        return
    connection.send([])
    while True:
        connection.send(worker.rows(connection.recv()))


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, even if that was killed."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
