"""Recipes: how one model is trained, one TOML file each, every field checked before training starts."""

import tomllib
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator


def _in_order(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError("the first number of a span must not exceed the second")
    return span


PerChannel = float | tuple[float, ...]  # one number for all channels, or one for each
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=8)]  # channel attention keeps one channel of eight
Span = Annotated[tuple[float, float], AfterValidator(_in_order)]
SpanFromZero = Annotated[tuple[NotNegative, float], AfterValidator(_in_order)]
PositiveSpan = Annotated[tuple[Positive, Positive], AfterValidator(_in_order)]


class TrainingPrecision(StrEnum):
    """Arithmetic of the forward pass while training; weights and loss stay in float32."""

    FP32 = "fp32"
    BF16 = "bf16"


class Optimiser(StrEnum):
    """``adagrad`` as the authors train."""

    ADAMW = "adamw"
    ADAGRAD = "adagrad"


class Schedule(StrEnum):
    """Learning rate over the run: one cosine cycle (Smith, arXiv 1708.07120), or constant."""

    ONE_CYCLE = "one_cycle"
    CONSTANT = "constant"


class Symmetry(StrEnum):
    """Which symmetries of the square a crop may take: all eight, or left and right swapped."""

    ALL = "all"
    MIRROR = "mirror"


class Border(StrEnum):
    """What lies outside a frame: its edge continued, zeros, or the recipe's mean: zeros once it is normalised."""

    EDGE = "edge"
    ZERO = "zero"
    MEAN = "mean"


class Placement(StrEnum):
    """Of crops that lie anywhere: every centre is as likely, and moved inside, or every corner that fits."""

    CENTRE = "centre"
    CORNER = "corner"


class Initialisation(StrEnum):
    """Of convolutions: PyTorch's own, or Glorot's normal one (``xavier``), as one of the authors' code bases has it."""

    PYTORCH = "pytorch"
    XAVIER = "xavier"


class RecipeError(Exception):
    """A recipe that cannot be used, and why."""


class RecipeTable(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Augmentation(RecipeTable):
    """What may happen to a crop; spans are drawn uniformly, scale and gain uniformly in the logarithm.

    ``target_share`` of the crops lie near a target, ``hard_share`` of the others near a false alarm of the network
    itself, the rest anywhere.
    ``square_share`` of the crops come from the frame resized to 256 x 256, as the field's usual protocol tests.
    ``native_share`` of the crops keep the pixels of their frame, resized or not: interpolation softens targets of two
    pixels.
    ``long_side`` (pixels) sets the scale by the frame's longer side in place of ``scale``. ``bits_share`` of the
    crops are cut to coarse levels, ``level_step`` apart.
    """

    target_share: Share = 0.8
    hard_share: Share = 0.0
    native_share: Share = 0.5
    square_share: Share = 0.0
    scale: PositiveSpan = (0.6, 1.8)
    long_side: PositiveSpan | None = None
    symmetry: Symmetry = Symmetry.ALL
    border: Border = Border.EDGE
    placement: Placement = Placement.CENTRE
    gain: PositiveSpan = (0.8, 1.25)
    offset: Span = (-15.0, 15.0)
    blur_share: Share = 0.0
    blur_sigma: SpanFromZero = (0.3, 1.0)
    noise_share: Share = 0.0
    noise_sigma: SpanFromZero = (0.0, 6.0)
    bits_share: Share = 0.0
    level_step: PositiveSpan = (1.0, 8.0)

    @model_validator(mode="after")
    def _scales_once(self) -> "Augmentation":
        if self.long_side is not None and self.square_share:
            raise ValueError("long_side and square_share both set the scale: one of them")
        return self


class Network(RecipeTable):
    """Shape of RRCA-Net."""

    in_channels: Number = 1
    widths: tuple[Width, ...] = (8, 16, 32, 64)
    units: tuple[Number, ...] = (3, 2, 2, 2)
    passes: Number = 3

    @property
    def stride(self) -> int:
        """Pixels that sides are multiples of: every level but the first halves them."""
        return 1 << (len(self.widths) - 1)

    @model_validator(mode="after")
    def _has_units_for_each_level(self) -> "Network":
        if not self.widths or len(self.units) != len(self.widths):
            raise ValueError(f"{len(self.widths)} widths and {len(self.units)} units: one of each for every level")
        return self


class Optimisation(RecipeTable):
    """How weights move; what is kept in the end are their running averages.

    ``gradient_norm`` 0 clips nothing; ``average_decay`` 0 keeps the last weights. Those of every ``keep_every`` steps
    stay beside the last, as ``weights-STEP.safetensors``; 0 keeps none.
    """

    steps: Number
    optimiser: Optimiser = Optimiser.ADAMW
    schedule: Schedule = Schedule.ONE_CYCLE
    batch: Number = 8
    crop: Number = 128
    peak_learning_rate: Positive = 3e-3
    warm_up: Share = 0.1
    weight_decay: NotNegative = 1e-2
    gradient_norm: NotNegative = 1.0
    average_decay: Share = 0.998
    keep_every: Annotated[int, Field(ge=0)] = 0
    precision: TrainingPrecision = TrainingPrecision.FP32


class Recipe(RecipeTable):
    """Everything that decides a training run, besides the seed and the device.

    ``exclude`` names splits (``DATA SET/SPLIT``) none of whose frames is trained on, whichever set it stands in:
    the sets share scenes under one name. ``held_out`` names scenes kept back for calibration and for a look at
    unseen sequences, as patterns of names (``S7_*``). ``start`` names the weights to begin with, a file or one of
    ``model/weights``; by default they are random. ``mean`` and ``std`` are of intensities, for
    all channels or for each.
    """

    name: str
    description: str
    datasets: tuple[str, ...]
    split: str = "train"
    exclude: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    start: str | None = None
    initialisation: Initialisation = Initialisation.PYTORCH
    mean: PerChannel = 90.0
    std: Positive | tuple[Positive, ...] = 60.0
    network: Network = Network()
    augmentation: Augmentation = Augmentation()
    optimisation: Optimisation

    @model_validator(mode="after")
    def _fits_the_network(self) -> "Recipe":
        batch, crop = self.optimisation.batch, self.optimisation.crop
        if crop % self.network.stride:
            raise ValueError(f"crop {crop} is no multiple of {self.network.stride}")
        if batch == 1 and crop == self.network.stride:
            raise ValueError("one crop of one pixel at the deepest level: batch norm needs more, so a larger of either")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, tuple) and len(values) != self.network.in_channels:
                raise ValueError(f"{name} has {len(values)} numbers for {self.network.in_channels} channels")
        if self.augmentation.border is Border.MEAN and isinstance(self.mean, tuple):
            raise ValueError("border mean needs one mean for all channels")
        return self

    @property
    def outside(self) -> float:
        """Intensity of what lies outside a frame, where its edge is not continued."""
        is_mean = self.augmentation.border is Border.MEAN
        return self.mean if is_mean and isinstance(self.mean, float) else 0.0

    def budgeted(self, steps: int, batch: int, crop: int) -> "Recipe":
        """The same under another budget.

        Raises:
            RecipeError: the network cannot be trained so.
        """
        budget = {"steps": steps, "batch": batch, "crop": crop}
        content = self.model_dump()
        try:
            return Recipe.model_validate(content | {"optimisation": content["optimisation"] | budget})
        except ValidationError as error:
            raise RecipeError(f"recipe {self.name}: {error}") from error


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe by file, or by the name of one in ``model/recipes``.

    Raises:
        RecipeError: no such recipe, it cannot be read, or which fields are wrong.
    """
    path = Path(name_or_path)
    try:
        text = path.read_text() if path.is_file() else _shipped(name_or_path)
        return Recipe.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise RecipeError(f"recipe {name_or_path}: {error}") from error


def shipped_recipes() -> list[str]:
    """Names of the recipes in ``model/recipes``."""
    files = resources.files("model").joinpath("recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def _shipped(name: str) -> str:
    if name not in shipped_recipes():
        raise RecipeError(f"no recipe {name!r}: neither a file nor one of {', '.join(shipped_recipes())}")
    return resources.files("model").joinpath("recipes", f"{name}.toml").read_text()
