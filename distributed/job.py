"""What every worker of a bulk run is given."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from distributed.store import File, Store
from service.detection.options import Options
from service.frames import RawLayout, Reading
from service.runtime import Device, EngineChoice

MOST_FILES: Final = 16  # of a task: as many as keep a worker busy, and few enough to be run again after a crash
MOST_BYTES: Final = 2**25
SHARES: Final = 4  # tasks for each worker at the least, so that all of them end at about the same time


@dataclass(frozen=True, slots=True)
class Job:
    """The model, the options and where files are read; it travels to other processes and machines.

    Attributes:
        model: the model file.
        device: where it runs.
        engine: what runs it there.
        threads: CPU threads of one inference; None for all.
        decoders: threads that decode files while the model runs.
        store: where the files are.
        options: of detection.
        raw: layout of raw rows.
        reading: how counts are read.
        name, version, sha256: of the model.
        precision: in which a CPU of this machine runs it; of a GPU or a cluster, what was asked for.
    """

    model: Path
    device: Device
    engine: EngineChoice
    threads: int | None
    decoders: int
    store: Store
    options: Options
    raw: RawLayout | None
    reading: Reading
    name: str
    version: str
    sha256: str
    precision: str

    @property
    def settings(self) -> str:
        """All that the rows of a file depend on, as JSON; runs with other settings must not share a folder."""
        how = {"options": asdict(self.options), "raw": self.raw and asdict(self.raw), "reading": asdict(self.reading)}
        model = {"model": self.name, "version": self.version, "sha256": self.sha256, "precision": self.precision}
        return json.dumps(model | how, default=str)


def tasks_of(files: Sequence[File], workers: int) -> Iterator[list[File]]:
    """The files in their order, a few at a time."""
    most = max(1, min(MOST_FILES, len(files) // (workers * SHARES)))
    task: list[File] = []
    size = 0
    for file in files:
        if task and (len(task) == most or size + file.size > MOST_BYTES):
            yield task
            task, size = [], 0
        task.append(file)
        size += file.size
    if task:
        yield task
