"""Datasets of simulated scenes."""

from pathlib import Path

from service.simulation.dataset import still_frames, write_dataset


def write_scenes(folder: Path, count: int, bits: int = 8, seed: int = 0) -> None:
    """What ``rrcanet simulate`` writes, without progress."""
    write_dataset(folder, still_frames(count, seed), bits)
