"""Runs a job through Ray Data, on the nodes of a Ray cluster. Only the driver writes results."""

import logging
import os
import pickle
import socket
import tempfile
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import ray
import ray.data
from ray.exceptions import RayError

from distributed.job import Job, tasks_of
from distributed.rows import Row, fault_row
from distributed.store import File
from distributed.worker import Worker
from service.commands.interruption import termination_interrupts
from service.runtime import Device, DeviceLost, ModelFault

CONNECT_S: Final = 5.0
CLIENT: Final = (
    "ray://"  # ``Dataset.iter_rows`` of Ray 2.60 fails there: "'Worker' object has no attribute 'core_worker'"
)
HOW: Final = "start the command on a node of the cluster, with --address auto, or with HOST:PORT of its head"
ATTEMPTS: Final = 2  # as on processes: files of tasks that failed run again one by one
Batch = dict[str, Any]


class ClusterFault(ValueError):
    """The Ray cluster cannot be reached, or has no node for the job."""


class Detecting:
    """An actor of Ray Data: one loaded model."""

    def __init__(self, job: Job, model: bytes) -> None:
        with tempfile.NamedTemporaryFile(suffix=job.model.suffix) as file:  # the node has no copy of the file
            file.write(model)
            file.flush()
            self._worker = Worker(replace(job, model=Path(file.name)))

    def __call__(self, batch: Batch) -> Batch:
        """The rows of each task, pickled as the tasks are."""
        return {"rows": [pickle.dumps(self._rows(pickle.loads(task))) for task in batch["task"]]}

    def _rows(self, task: Sequence[File]) -> list[Row]:
        try:
            return self._worker.rows(task)
        except DeviceLost:
            os._exit(1)  # Ray starts another actor


def run_on_ray(job: Job, files: Sequence[File], address: str, workers: int | None) -> Generator[list[Row]]:
    """The rows of the files, whole files at a time, in the order in which they are done.

    Args:
        job: what each actor is given.
        files: all files; each node must be able to read them.
        address: of the cluster: ``auto`` or ``HOST:PORT``.
        workers: the most actors; None for as many as the cluster has CPUs, or GPUs.

    Raises:
        ClusterFault: there is no cluster at this address, or it is that of Ray's client.
        ModelFault: the model cannot be used on the nodes.
    """
    _connect(address)
    try:
        with termination_interrupts():  # Ray has put its own handler into place
            yield from _run(job, list(files), workers)
    finally:
        ray.shutdown()


def _connect(address: str) -> None:
    if address.startswith(CLIENT):
        raise ClusterFault(f"Ray Data does not run through Ray's client ({address}); {HOW}")
    try:
        _reach(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (RayError, OSError, ValueError, RuntimeError) as error:
        raise ClusterFault(f"no Ray cluster answers at {address}: {error}") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # the files of a failed task run again below
    logging.getLogger("ray.data").setLevel(logging.ERROR)


def _reach(address: str) -> None:
    """Fail early: Ray itself tries for minutes to reach a host that does not answer."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname and parts.port:
        socket.create_connection((parts.hostname, parts.port), CONNECT_S).close()


def _run(job: Job, files: list[File], workers: int | None) -> Iterator[list[Row]]:
    is_gpu = job.device is Device.CUDA or (job.device is Device.AUTO and ray.cluster_resources().get("GPU", 0) > 0)
    most = workers or max(1, int(ray.cluster_resources().get("GPU" if is_gpu else "CPU", 1)))
    placed = replace(job, device=Device.CUDA if is_gpu else Device.CPU)
    tasks = list(tasks_of(files, most))
    left = {file.path: file for file in files}
    for _ in range(ATTEMPTS):
        for rows in _detect(placed, tasks, most, is_gpu) if tasks else ():
            for path in {row["path"] for row in rows}:
                left.pop(path, None)
            yield rows
        tasks = [[file] for file in left.values()]
    for path in left:
        yield [fault_row(job, path, 0, "no worker could finish this file; the worker ended or failed each time")]


def _detect(job: Job, tasks: Sequence[list[File]], most: int, is_gpu: bool) -> Iterator[list[Row]]:
    """The rows of the tasks that succeed."""
    waiting = ray.data.from_items([{"task": pickle.dumps(task)} for task in tasks], override_num_blocks=len(tasks))
    done = waiting.map_batches(
        Detecting,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=min(most, len(tasks)), max_tasks_in_flight_per_actor=1),
        fn_constructor_args=(job, job.model.read_bytes()),
        num_cpus=1,
        num_gpus=1 if is_gpu else 0,
        max_task_retries=1,  # by default Ray repeats a task that kills its actor without end
    )
    try:
        for row in done.iter_rows():
            yield pickle.loads(row["rows"])
    except RayError as error:
        if "ModelFault" in str(error):
            raise ModelFault(str(error).strip().splitlines()[-1]) from error
        raise ClusterFault(f"the cluster cannot run the job: {error}") from error
