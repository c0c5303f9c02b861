"""Times a network on the frames of a folder, and prints the figures as JSON. It needs nothing but NumPy."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.serving.servers.process import most_resident_mb

WARM_UP: Final = 3
ANSWERS: Final = "answers"  # folder in the folder of frames
Frames = NDArray[np.float32]  # [1, 1, H, W]
Answer = Callable[[Frames], Frames]


def run(load: Callable[[], Answer], folder: Path, runs: int) -> None:
    """Load the network and let it answer each frame ``runs`` times; the answers are kept beside the frames."""
    began = time.perf_counter()
    frames = {file.stem: np.load(file) for file in sorted(folder.glob("*.npy"))}
    answer = load()
    answers = {name: answer(frame) for name, frame in frames.items()}  # now everything is compiled
    found = {"s to the first answers": time.perf_counter() - began, "CPU s to the first answers": _cpu_used()}
    for name, frame in frames.items():
        np.save(folder / ANSWERS / name, answers[name])
        found[f"CPU ms {name}"] = 1e3 * _cpu_s(answer, frame, runs)
    found["peak MB"] = most_resident_mb(os.getpid())  # ru_maxrss would be that of the program that started this one
    sys.stdout.write(json.dumps(found) + "\n")


def _cpu_used() -> float:
    """CPU seconds of this process, and of its children that have ended; workers that live on are not counted."""
    return sum(used.ru_utime + used.ru_stime for used in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))


def _cpu_s(answer: Answer, frame: Frames, runs: int) -> float:
    for _ in range(WARM_UP):
        answer(frame)
    used = time.process_time()
    for _ in range(runs):
        answer(frame)
    return (time.process_time() - used) / runs
