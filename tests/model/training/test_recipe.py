"""Recipes: the shipped ones load, wrong ones are named field by field."""

from pathlib import Path

import pytest

from model.recipe import RecipeError, load_recipe, shipped_recipes

SMALL = 'name = "small"\ndescription = "a test"\ndatasets = ["x"]\n[optimisation]\nsteps = 4\n'


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_loads_under_its_name(name: str) -> None:
    assert load_recipe(name).name == name


def test_a_recipe_may_be_any_file(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL)
    assert load_recipe(str(tmp_path / "small.toml")).optimisation.steps == 4


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("crops = 5", "optimisation.crops"),
        ("crop = 'x'", "optimisation.crop"),
        ("= 5", "line 6"),
        ("crop = 36", "crop 36 is no multiple of 8"),
        ("batch = 0", "optimisation.batch"),
        ("batch = 1\ncrop = 8", "batch norm would see one pixel"),
        ("turns = [{ batch = 1, crop = 36 }]", "crop 36 is no multiple of 8"),
        ("turns = [{ batch = 1, crop = 8 }]", "batch norm would see one pixel"),
        ("turns = [{ batch = 1 }]", "optimisation.turns.0.crop"),
        ("muon_ratio = 0", "optimisation.muon_ratio"),
        ("top_share = 0", "optimisation.top_share"),
        ("top_pixels = 0", "optimisation.top_pixels"),
        ("crop = 32\ntop_pixels = 1025", "top_pixels 1025 is more than a crop of side 32 has pixels"),
        ("poly_epsilon = -1", "optimisation.poly_epsilon"),
        ("average_ramp = 1", "optimisation.average_ramp"),
        ("fp32_share = 0.1", "fp32_share is for precision bf16"),
        ("norm_batches = -1", "optimisation.norm_batches"),
        ("peak_learning_rate = 0", "optimisation.peak_learning_rate"),
        ("[augmentation]\nscale = [0.0, 1.0]", "augmentation.scale"),
        ("[augmentation]\ngain = [1.2, 1.1]", "augmentation.gain"),
        ("[augmentation]\nlong_side = [100, 200]\nsquare_share = 0.5", "long_side and square_share both set the scale"),
        (
            "crop = 24\n[augmentation]\npaste_share = 0.5",
            "paste_share needs crops of at least 31 pixels, but crop is 24",
        ),
        ("[augmentation]\npaste_contrast = [0.0, 1.0]", "augmentation.paste_contrast"),
        ("gradient_norm = -1", "optimisation.gradient_norm"),
        ("weight_decay = -0.1", "optimisation.weight_decay"),
        ("[network]\npool_window = 100", "pool_window 100 is no multiple of 8"),
        ("[network]\npasses = 0", "network.passes"),
        ("[network]\nwidths = [8, 16]", "2 widths and 4 units"),
        ("[network]\nwidths = [4, 8, 16, 32]", "network.widths.0"),
        ("[network]\nwidths = []\nunits = []", "0 widths and 0 units"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: str, named: str) -> None:
    (tmp_path / "small.toml").write_text(SMALL + change)
    with pytest.raises(RecipeError, match=named):
        load_recipe(str(tmp_path / "small.toml"))


def test_a_run_of_no_steps_is_refused(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL.replace("steps = 4", "steps = 0"))
    with pytest.raises(RecipeError, match=r"optimisation\.steps"):
        load_recipe(str(tmp_path / "small.toml"))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_bytes(SMALL.encode() + b"\xff")
    with pytest.raises(RecipeError, match=r"small\.toml.*utf-8"):
        load_recipe(str(tmp_path / "small.toml"))


def test_an_unknown_recipe_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match="nuaa-sirst"):
        load_recipe("nowhere")


def test_a_mean_for_each_channel_must_be_one_for_each(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text("mean = [1.0, 2.0]\n" + SMALL)
    with pytest.raises(RecipeError, match="mean has 2 numbers for 1 channels"):
        load_recipe(str(tmp_path / "small.toml"))


def test_one_mean_lies_outside_a_frame(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(
        "mean = [1.0, 2.0]\nnetwork = { in_channels = 2 }\naugmentation = { border = 'mean' }\n" + SMALL
    )
    with pytest.raises(RecipeError, match="border mean needs one mean"):
        load_recipe(str(tmp_path / "small.toml"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("crops = 5", r"optimisation\.crops: there is no such field \(did you mean crop\?\)$"),
        ("batch = 0", r"optimisation\.batch: must be greater than or equal to 1, but it is 0$"),
        ("optimiser = 'sgd'", r"optimisation\.optimiser: must be 'adamw'.*, but it is 'sgd'$"),
        ("crop = 36", r"small\.toml: crop 36 is no multiple of 8$"),
        ("= 5", r"small\.toml is no valid TOML: .*line 6"),
        ("batch = 0\nkeep = 1", r"optimisation\.batch: .*; optimisation\.keep: there is no such field"),
    ],
)
def test_a_fault_is_told_in_plain_words(tmp_path: Path, change: str, told: str) -> None:
    (tmp_path / "small.toml").write_text(SMALL + change)
    with pytest.raises(RecipeError, match=told) as caught:
        load_recipe(str(tmp_path / "small.toml"))
    assert "pydantic" not in str(caught.value)
    assert "validation error" not in str(caught.value)


def test_a_missing_field_is_told(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL.replace('name = "small"\n', ""))
    with pytest.raises(RecipeError, match=r"small\.toml: name is missing$"):
        load_recipe(str(tmp_path / "small.toml"))


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if name.endswith("-authors")])
def test_the_authors_recipes_neither_clip_nor_average(name: str) -> None:
    plan = load_recipe(name).optimisation
    assert (plan.optimiser, plan.schedule, plan.peak_learning_rate) == ("adagrad", "constant", 0.05)
    assert (plan.gradient_norm, plan.average_decay) == (0, 0)


def test_another_budget_has_one_crop_size(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SMALL + "turns = [{ batch = 2, crop = 64 }]\n")
    recipe = load_recipe(str(tmp_path / "small.toml"))
    assert [(size.batch, size.crop) for size in recipe.optimisation.sizes] == [(8, 128), (2, 64)]
    changed = recipe.with_budget(steps=3, batch=4, crop=32).optimisation
    assert [(size.batch, size.crop) for size in changed.sizes] == [(4, 32)]
