"""``rrcanet bulk``: targets of many frames, as Parquet."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click

from distributed.job import Job
from distributed.parts import Parts, open_parts
from distributed.processes import run_on_processes
from distributed.rows import Row
from distributed.store import File, Store, open_store
from rrcanet.frames import RAW_SUFFIXES, SUFFIXES
from service.commands.detect.options import Choice, choose, detection_options, warn_about_rate
from service.commands.detect.sources import SourceFault
from service.commands.interruption import termination_interrupts
from service.commands.progress import progress
from service.detection.detector import Detector
from service.errors import ServiceError
from service.extras import how_to_install
from service.runtime import Device, ModelFault, Runtime, missing_for_cuda
from service.runtime.cpus import available_cpus
from service.runtime.runtime import load_runtime

EPILOG: Final = "Example: rrcanet bulk frames/ --out targets"
ADDRESS_HELP: Final = "Ray cluster that does the work: auto, or HOST:PORT of its head; needs the extra ray."
Run = Callable[[Sequence[File]], Generator[list[Row]]]
PART_FRAMES: Final = 1000
LINES_EVERY: Final = 1000
WORKERS_HELP: Final = "Worker processes; by default one for each CPU, or one for the GPU."
PART_HELP: Final = "Frames after which a Parquet file is written; a kill costs the work on so many frames at the most."


@click.command("bulk", epilog=EPILOG)
@click.argument("source", metavar="SOURCE")
@click.option("--out", required=True, metavar="DIR", help="Folder or address for Parquet files.")
@click.option("--workers", type=click.IntRange(1), help=WORKERS_HELP)
@click.option("--part-frames", type=click.IntRange(1), default=PART_FRAMES, show_default=True, help=PART_HELP)
@click.option("--address", metavar="RAY", help=ADDRESS_HELP)
@detection_options
def bulk_command(
    source: str, out: str, workers: int | None, part_frames: int, address: str | None, **given: Any
) -> None:
    """Find small targets in all frames of a file, a folder and the folders in it, or an address as s3://bucket/frames.

    Each frame becomes one row of a Parquet file in DIR. A frame that cannot be read is a row with an error. After an
    interruption, the same command continues: each frame has exactly one row in the end.
    """
    chosen = choose(**given)
    try:
        with termination_interrupts():
            _run(chosen, source, open_store(out), workers, part_frames, address)
    except SourceFault as fault:
        raise click.UsageError(str(fault)) from fault
    except KeyboardInterrupt as interrupt:
        raise click.ClickException("interrupted; the same command continues") from interrupt
    except ServiceError as fault:
        raise click.ClickException(fault.detail) from fault
    except (ModelFault, ValueError, OSError) as fault:
        raise click.ClickException(str(fault)) from fault


def _run(chosen: Choice, source: str, out: Store, workers: int | None, part_frames: int, address: str | None) -> None:
    files_store = open_store(source)
    files = _find(files_store, chosen, out)
    if address is None:
        job, run = _local(chosen, files_store, workers)
    else:
        job = _job(chosen, files_store)
        run = _on_cluster(job, workers, address)
    with open_parts(out, job.settings, part_frames) as parts:
        left = [file for file in files if file.path not in parts.done]
        done = len(files) - len(left)
        if done:
            click.echo(f"{done} of {len(files)} files are done already", err=True)
        _write(run(left), parts, len(files), done)


def _find(source: Store, chosen: Choice, out: Store) -> list[File]:
    suffixes = (*SUFFIXES, *RAW_SUFFIXES) if chosen.raw else SUFFIXES
    return source.find(suffixes, Path(out.base) if out.is_local else None)


def _job(chosen: Choice, store: Store, threads: int | None = None) -> Job:
    """A job for workers with so many threads on this machine; None is for workers of a cluster, one thread each.

    For a CPU of this machine, the model is loaded as the workers load it: that shows what ``auto`` means here.
    """
    if threads is not None and chosen.device is Device.CPU:
        runtime = load_runtime(chosen.model, Device.CPU, threads, chosen.engine)
        precision = runtime.precision
    else:
        runtime = Runtime(chosen.model, Device.CPU, 1)
        precision = chosen.engine.precision.value
    Detector(runtime).check(chosen.options)
    warn_about_rate(runtime.card, chosen.options)
    model = (runtime.card.name, runtime.card.version, runtime.sha256, precision)
    how = (chosen.options, chosen.raw, chosen.reading)
    share = threads or 1
    return Job(chosen.model.absolute(), chosen.device, chosen.engine, share, share, store, *how, *model)


def _local(chosen: Choice, store: Store, workers: int | None) -> tuple[Job, Run]:
    device = _device(chosen.device)
    count = workers or _default_workers(device)
    job = _job(replace(chosen, device=device), store, max(1, available_cpus() // count))
    return job, lambda files: run_on_processes(job, files, count)


def _on_cluster(job: Job, workers: int | None, address: str) -> Run:
    try:
        from distributed.ray_data import run_on_ray
    except ModuleNotFoundError as missing:
        raise click.UsageError(
            f"--address needs {missing.name}, which is not installed; install it with {how_to_install('ray')}"
        ) from missing
    elsewhere = replace(job, engine=replace(job.engine, cache=None))  # the cache is a folder of this machine
    return lambda files: run_on_ray(elsewhere, files, address, workers)


def _device(requested: Device) -> Device:
    """The CPU if ``auto`` finds no GPU; one line says so, and not one for each worker."""
    missing = missing_for_cuda() if requested is Device.AUTO else None
    if missing is None:
        return requested
    click.echo(f"running on the CPU: {missing}", err=True)
    return Device.CPU


def _default_workers(device: Device) -> int:
    """One for each CPU: two processes with a thread each do more than one with two threads. A GPU takes batches."""
    return available_cpus() if device is Device.CPU else 1


def _write(results: Generator[list[Row]], parts: Parts, total: int, done: int) -> None:
    """Write rows as they come, and report progress and errors."""
    frames = errors = 0
    with closing(results):
        for rows in progress(
            _files(results), total, "detecting", "file", with_rate=True, before=done, every=LINES_EVERY
        ):
            parts.add(rows)
            frames += len(rows)
            errors += sum(row["error"] is not None for row in rows)
    click.echo(f"{frames} frames, {errors} of them with an error", err=True)


def _files(results: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """The rows of one file at a time."""
    for rows in results:
        by_path: dict[str, list[Row]] = {}
        for row in rows:
            by_path.setdefault(row["path"], []).append(row)
        yield from by_path.values()
