"""Every model file that ships is what its weights, its card and the documents say."""

from pathlib import Path

import numpy as np
import pytest
import torch

from export.onnx.graph import ServedNetwork
from model.network.checkpoint import load_checkpoint
from model.recipe import load_recipe, shipped_recipes
from model.scoring.threshold import RULE
from service.pretrained import DEFAULT, SHIPPED
from service.runtime import Device, Runtime
from service.simulation.scene import make_scene
from tests.support.paths import DOCS, WEIGHTS

RESULTS = (DOCS / "development" / "results.md").read_text()
FILES = sorted(SHIPPED.rglob("*.onnx"))
WITHOUT_TEST_SPLIT = {
    "SIRST-v2-empty",
    "NUDT-SIRST",
}  # frames without a target; only the training split, in no other set
PARAMETERS = 202_089  # of RRCA-Net with one input channel


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_model_that_ships_answers_as_the_weights_beside_it(path: Path) -> None:
    runtime = Runtime(path, Device.CPU)
    runtime.check_golden()
    checkpoint = load_checkpoint(
        WEIGHTS / ("generalist-wide.safetensors" if path == DEFAULT else f"{path.stem}.safetensors")
    )
    frame = np.asarray(make_scene(3, 96, 160).counts(8), np.float32)[None, None]
    with torch.inference_mode():
        expected = ServedNetwork(checkpoint).eval()(torch.from_numpy(frame)).numpy()
    np.testing.assert_allclose(runtime.probabilities(frame), expected, atol=1e-4)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_card_of_a_model_that_ships_tells_how_good_it_is(path: Path) -> None:
    card = Runtime(path, Device.CPU).card
    assert card.parameters == PARAMETERS
    assert card.calibration.fitted_on != "identity"
    if path == DEFAULT:
        assert card.threshold_rule is not None
        assert card.threshold_rule.startswith(RULE)
        assert card.operating_points is not None
    tested = [one for one in card.measurements if one.split == "test"]
    assert tested
    for one in tested:
        row = f"{100 * one.iou:.2f} | {100 * one.pd:.2f} | {one.fa_identity:.2f} | {one.fa_legacy:.2f} |"
        assert row in RESULTS, f"{one.dataset} {one.grid}"


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name.startswith("generalist")])
def test_no_frame_of_a_test_split_is_trained_on_by_what_ships(name: str) -> None:
    recipe = load_recipe(name)
    tested = set(recipe.datasets) - WITHOUT_TEST_SPLIT
    assert {f"{name}/test" for name in tested} <= set(recipe.exclude)
