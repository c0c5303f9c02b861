"""Simulated datasets: lists, true targets and repeatable files."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from service.simulation.dataset import BITS, Split, sequence_frames, still_frames, write_dataset
from service.simulation.scene import make_scene
from service.simulation.sequence import make_sequence


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def lists(folder: Path) -> dict[str, list[str]]:
    return {part: (folder / f"{part}.txt").read_text().split() for part in ("train", "test")}


@pytest.mark.parametrize("bits", BITS)
def test_frames_masks_and_truth_are_those_of_the_scenes(tmp_path: Path, bits: int) -> None:
    write_dataset(tmp_path, still_frames(3, seed=20), bits)
    truths = json.loads((tmp_path / "targets.json").read_text())
    assert list(truths) == ["scene_0020", "scene_0021", "scene_0022"]
    for name in truths:
        scene = make_scene(int(name[-4:]))
        counts, mask = (pixels(tmp_path / part / f"{name}.png") for part in ("images", "masks"))
        np.testing.assert_array_equal(counts, scene.counts(bits))
        np.testing.assert_array_equal(mask, np.where(scene.mask, 255, 0))
        assert truths[name] == [{"id": target.id, "x": target.x, "y": target.y} for target in scene.targets]


def test_every_second_still_is_for_training(tmp_path: Path) -> None:
    write_dataset(tmp_path, still_frames(5))
    assert lists(tmp_path) == {
        "train": ["scene_0000", "scene_0002", "scene_0004"],
        "test": ["scene_0001", "scene_0003"],
    }


def test_a_sequence_is_split_in_time_and_named_in_order(tmp_path: Path) -> None:
    write_dataset(tmp_path, sequence_frames(5), split=Split.HALVES)
    names = [f"frame_{number:06d}" for number in range(5)]
    assert lists(tmp_path) == {"train": names[:3], "test": names[3:]}
    assert sorted(path.stem for path in (tmp_path / "images").iterdir()) == names


def test_the_truth_of_a_sequence_has_the_place_of_each_target_in_each_frame(tmp_path: Path) -> None:
    write_dataset(tmp_path, sequence_frames(4, seed=3), bits=14, split=Split.HALVES)
    truths = json.loads((tmp_path / "targets.json").read_text())
    for (name, targets), scene in zip(truths.items(), make_sequence(3, 4), strict=True):
        counts = pixels(tmp_path / "images" / f"{name}.png")
        np.testing.assert_array_equal(counts, scene.counts(14))
        assert targets == [{"id": target.id, "x": target.x, "y": target.y} for target in scene.targets]


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    for out, seed in (("first", 4), ("same", 4), ("other", 5)):
        write_dataset(tmp_path / out / "stills", still_frames(2, seed), bits=14)
        write_dataset(tmp_path / out / "sequence", sequence_frames(2, seed), bits=14, split=Split.HALVES)
    first, same, other = (contents(tmp_path / out) for out in ("first", "same", "other"))
    assert first == same
    assert first.keys() != other.keys()  # a still is named after its seed
    assert first["sequence/images/frame_000000.png"] != other["sequence/images/frame_000000.png"]
