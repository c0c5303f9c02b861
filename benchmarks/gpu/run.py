"""The parts of a run in their order: parity, speed, training."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch

from benchmarks.gpu.models import Models
from benchmarks.gpu.parity import score_datasets
from benchmarks.gpu.report import Report
from benchmarks.gpu.schedule import Schedule
from benchmarks.gpu.speed import measure_speeds
from benchmarks.train_throughput.memory_limit import measure_memory_limit
from benchmarks.train_throughput.rates import measure_rates
from benchmarks.train_throughput.ways import STEPS, ways
from export.bench.cases import Shape
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import find_layout
from service.runtime import Device
from service.simulation.dataset import still_frames, write_dataset

PARTS: Final = ("parity", "speed", "training")
TRAINED_ON: Final = "NUAA-SIRST"  # as benchmarks.train_throughput; without it the first dataset
TRAINING_STEPS: Final = {Device.CUDA: STEPS["cuda"], Device.CPU: 1}  # of a stretch that is timed
WORKERS: Final = {Device.CUDA: 2, Device.CPU: 0}  # processes of the plain loop's data loader
SIMULATED: Final = {Device.CUDA: 400, Device.CPU: 40}  # frames, half of them for training


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes:
        parts: of ``PARTS``.
        seconds: of each contender at each shape.
    """

    device: Device
    parts: Sequence[str]
    shapes: list[Shape]
    seconds: float


def measure_parts(
    plan: Plan, models: Models, datasets: Sequence[Path], schedule: Schedule, report: Report
) -> Iterator[str]:
    """Fill ``report``; a line of progress after each measurement.

    Raises:
        DataError: a frame to train on cannot be read.
    """
    if "parity" in plan.parts:
        for scored in score_datasets(models, datasets, plan.device, schedule):
            report.parity.append(scored)
            yield f"parity, {scored.name}, {scored.dataset}: {scored.fault or 'scored'}"
    if "speed" in plan.parts:
        for one in measure_speeds(models, plan.device, plan.shapes, plan.seconds, schedule):
            report.speed.append(one)
            figure = f"{one.timing.frames_per_second:.1f} frames/s" if one.timing else one.fault
            yield f"{one.contender}, {one.precision}, {one.shape.size}, batch {one.shape.batch}: {figure}"
    if "training" in plan.parts and schedule.may_begin("training"):
        where, folder = torch.device(plan.device.value), FrameFolder(trained_on(datasets), "train")
        report.memory_limit = measure_memory_limit(where)
        todo = ways(folder, where, WORKERS[plan.device], TRAINING_STEPS[plan.device])
        for rate in measure_rates(todo, lambda way: schedule.may_begin(f"training, {way}")):
            report.training.append(rate)
            yield f"training, {rate.way}: {rate.fault or f'{rate.steps_per_s:.2f} steps/s'}"


@contextmanager
def datasets_in(data: Path | None, device: Device) -> Iterator[list[Path]]:
    """The datasets in a folder, by name; without a folder one of simulated frames, which is deleted in the end.

    Raises:
        DataError: the folder holds no dataset.
    """
    if data is not None:
        found = sorted(path for path in data.iterdir() if path.is_dir() and find_layout(path))
        if not found:
            raise DataError(f"no folder in {data} is a dataset with frames and masks")
        yield found
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "simulated"
        write_dataset(folder, still_frames(SIMULATED[device]))
        yield [folder]


def trained_on(datasets: Sequence[Path]) -> Path:
    """The dataset whose training frames are used."""
    return next((folder for folder in datasets if folder.name == TRAINED_ON), datasets[0])
