"""Times a network on the frames of a folder, and prints the figures as JSON. It needs nothing but NumPy."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    found = {"s to the first answers": time.perf_counter() - began, "CPU s to the first answers": time.process_time()}
    for name, frame in frames.items():
        np.save(folder / ANSWERS / name, answers[name])
        found[f"CPU ms {name}"] = 1e3 * _cpu_s(answer, frame, runs)
    found["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    sys.stdout.write(json.dumps(found) + "\n")


def _cpu_s(answer: Answer, frame: Frames, runs: int) -> float:
    for _ in range(WARM_UP):
        answer(frame)
    used = time.process_time()
    for _ in range(runs):
        answer(frame)
    return (time.process_time() - used) / runs
