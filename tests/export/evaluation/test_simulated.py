"""``rrcanet simulate`` writes what ``rrcanet train`` and ``rrcanet evaluate`` read."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from model.data.dataset import FrameFolder
from service.cli import main
from tests.export.evaluation.scored import evaluate, row


@pytest.mark.parametrize("more", [(), ("--sequence",)])
def test_both_lists_of_a_simulated_dataset_are_read(tmp_path: Path, more: tuple[str, ...]) -> None:
    out = tmp_path / "data"
    assert CliRunner().invoke(main, ["simulate", str(out), "--count", "6", "--bits", "14", *more]).exit_code == 0
    folders = [FrameFolder(out, split) for split in ("train", "test")]
    assert [len(folder) for folder in folders] == [3, 3]
    truths = json.loads((out / "targets.json").read_text())
    for folder in folders:
        for name in folder.names:
            sample = folder.load(name)
            assert sample.counts.dtype == np.uint16
            for target in truths[name]:
                assert sample.mask[round(target["y"]), round(target["x"])]


def test_the_shipped_model_is_scored_on_a_simulated_sequence(model_file: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["simulate", str(tmp_path / "data"), "--count", "6", "--sequence"]).exit_code == 0
    assert float(row(evaluate(model_file, tmp_path / "data", "--split", "all"))["Pd %"]) > 80
