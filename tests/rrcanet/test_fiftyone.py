"""Answers of a real server as labels of FiftyOne's own library, in an environment of its own: ``make test-fiftyone``.

The library runs without its database: labels, samples and their JSON need none.
"""

import json
import os
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest

from rrcanet import Client
from service.simulation.scene import make_scene
from tests.support.paths import ROOT

PYTHON = ROOT / ".venv-fiftyone" / "bin" / "python"
SCRIPT = """
import json, sys
import fiftyone, numpy as np
from rrcanet import Client, Detections

with Client(sys.argv[1]) as client:
    (found,) = client.detect("scene.npy", mask="rle")
    (bare,) = client.detect("scene.npy", mask="none")
label = found.to_fiftyone(label="drone")
assert isinstance(label, fiftyone.Detections), type(label)
assert len(label.detections) == len(found) > 1

sample = fiftyone.Sample(filepath="scene.png")
sample["targets"] = label
again = fiftyone.Sample.from_dict(json.loads(json.dumps(sample.to_dict())))  # as a dataset is exported
assert [one.label for one in again.targets.detections] == ["drone"] * len(found)

drawn = again.targets.to_segmentation(frame_size=(found.width, found.height)).mask
assert np.array_equal(drawn > 0, found.mask)
for one, box in zip(bare.to_fiftyone().detections, bare.xyxy.tolist()):
    corners = np.multiply(one.to_polyline().points[0], (bare.width, bare.height))
    assert np.allclose([*corners.min(axis=0), *corners.max(axis=0)], box)
    assert one.mask is None

first = again.targets.detections[0]
assert first.confidence == found[0].confidence and first.area == found[0].area
assert {name: first[name] for name in found[0].signal} == dict(found[0].signal)

entry = found.to_dict()
entry["targets"][0]["track"] = {"id": 7, "age": 1}
assert Detections(entry).to_fiftyone().detections[0].index == 7
print(json.dumps({"fiftyone": fiftyone.__version__, "targets": len(found)}))
"""


@pytest.mark.fiftyone
def test_labels_hold_in_the_real_library(client: httpx.Client, tmp_path: Path) -> None:
    counts = make_scene(4, 64, 80).counts(14)
    np.save(tmp_path / "scene.npy", counts)
    with Client(str(client.base_url)) as it:
        (found,) = it.detect(counts)
    command = [str(PYTHON), "-c", SCRIPT, str(client.base_url)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "FIFTYONE_DO_NOT_TRACK": "true", "HOME": str(tmp_path)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    said = json.loads(ended.stdout.splitlines()[-1])
    assert said["targets"] == len(found)
    assert said["fiftyone"].startswith("1.")
