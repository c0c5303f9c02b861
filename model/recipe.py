"""Recipes: TOML files that define how a model is trained. Every field is checked before training starts."""

import difflib
import tomllib
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails


def _in_order(span: tuple[float, float]) -> tuple[float, float]:
    if span[0] > span[1]:
        raise ValueError("the first number of a span must not exceed the second")
    return span


PATCH: Final = 31  # side of a pasted target with its surroundings, pixels
PerChannel = float | tuple[float, ...]  # one number for all channels, or one number per channel
Share = Annotated[float, Field(ge=0, le=1)]
PositiveShare = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Width = Annotated[int, Field(ge=8)]  # channel attention reduces the channels to one eighth
Span = Annotated[tuple[float, float], AfterValidator(_in_order)]
SpanFromZero = Annotated[tuple[NotNegative, float], AfterValidator(_in_order)]
PositiveSpan = Annotated[tuple[Positive, Positive], AfterValidator(_in_order)]


class TrainingPrecision(StrEnum):
    """Arithmetic of the forward pass during training. Weights and loss are always float32."""

    FP32 = "fp32"
    BF16 = "bf16"


class Optimiser(StrEnum):
    """The optimiser. The authors train with ``adagrad``. ``muon`` trains kernels by Muon and the rest by AdamW."""

    ADAMW = "adamw"
    ADAGRAD = "adagrad"
    MUON = "muon"


class Schedule(StrEnum):
    """The learning rate over the run: one cosine cycle (Smith, arXiv 1708.07120), or constant."""

    ONE_CYCLE = "one_cycle"
    CONSTANT = "constant"


class Symmetry(StrEnum):
    """Random flips and rotations of a crop: all eight symmetries of the square, or only left and right swapped."""

    ALL = "all"
    MIRROR = "mirror"


class Border(StrEnum):
    """Pixels outside a frame: edge pixels repeated, zeros, or the recipe's mean, which normalisation maps to zero."""

    EDGE = "edge"
    ZERO = "zero"
    MEAN = "mean"


class Placement(StrEnum):
    """Placement of crops that lie anywhere.

    ``centre``: every pixel is equally likely as the centre; the crop is then moved inside the frame.
    ``corner``: every position inside the frame is equally likely.
    """

    CENTRE = "centre"
    CORNER = "corner"


class Initialisation(StrEnum):
    """Initialisation of convolutions: PyTorch's default, or Glorot's normal one, as in the authors' RRCA-Net code."""

    PYTORCH = "pytorch"
    XAVIER = "xavier"


class RecipeError(Exception):
    """The recipe cannot be used. The message says why."""


class RecipeTable(BaseModel):
    """Base of all tables of a recipe. Unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Augmentation(RecipeTable):
    """Random changes of crops. Values are drawn uniformly from each span; ``scale`` and ``gain`` in the logarithm.

    ``target_share`` of the crops lie near a target. ``hard_share`` of the other crops lie near a false alarm of the
    network. The rest lie anywhere.
    ``square_share`` of the crops come from the frame resized to 256 x 256, the usual test protocol of papers.
    ``native_share`` of the crops are aligned with the pixels of the frame or of the resized frame, without
    interpolation, which would soften targets of two pixels.
    ``long_side`` (pixels) replaces ``scale``: it is the length to which the frame's longer side is scaled.
    ``paste_share`` of the crops without a target get one of another frame. Its contrast is multiplied by a number from
    ``paste_contrast``, drawn in the logarithm. It is left out where it would not be visible.
    ``bits_share`` of the crops are quantised to coarse levels, ``level_step`` apart.
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
    paste_share: Share = 0.0
    paste_contrast: PositiveSpan = (0.3, 1.0)
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
            raise ValueError("long_side and square_share both set the scale: use one of them")
        return self


class Network(RecipeTable):
    """Shape of RRCA-Net.

    ``pool_window`` is the side in pixels of the windows over which the channel attention of DIAAM pools. The network is
    the published one on frames up to this size; without it, on every frame.
    """

    in_channels: Number = 1
    widths: tuple[Width, ...] = (8, 16, 32, 64)
    units: tuple[Number, ...] = (3, 2, 2, 2)
    passes: Number = 3
    pool_window: Number | None = None

    @property
    def stride(self) -> int:
        """The sides of a frame must be multiples of this number of pixels: every level but the first halves them."""
        return 1 << (len(self.widths) - 1)

    @model_validator(mode="after")
    def _has_units_for_each_level(self) -> "Network":
        if not self.widths or len(self.units) != len(self.widths):
            raise ValueError(f"{len(self.widths)} widths and {len(self.units)} units: each level needs one of each")
        return self

    @model_validator(mode="after")
    def _divides_its_windows(self) -> "Network":
        if self.pool_window is not None and self.pool_window % self.stride:
            raise ValueError(f"pool_window {self.pool_window} is no multiple of {self.stride}")
        return self

    def has_weights_of(self, other: "Network") -> bool:
        """Whether weights of ``other`` fit. Windows of pooling have no weights."""
        return self == other.model_copy(update={"pool_window": self.pool_window})


class CropSize(RecipeTable):
    """The crops of one step: ``batch`` crops of side ``crop`` pixels."""

    batch: Number
    crop: Number


class Optimisation(RecipeTable):
    """Optimiser and schedule. The result of a run is the running average of its weights.

    ``batch`` crops of side ``crop`` make a step. With ``turns``, steps take turns: the first step has ``batch`` crops
    of side ``crop``, the next ones have the sizes in ``turns``, then it begins again.
    ``muon_ratio`` is the learning rate of Muon divided by that of AdamW, for the optimiser ``muon``.
    ``dice_per_crop`` averages the Dice loss over the crops of a step; by default it is one Dice over all their pixels.
    The cross-entropy of DpT-k averages over the pixels of a step with the highest loss: ``top_share`` of all, or, in
    its place, ``top_pixels`` for each crop. ``poly_epsilon`` is the weight of its Poly-1 term. A ``top_share`` of 1 and
    a ``poly_epsilon`` of 0 are plain cross-entropy.
    ``teacher_share`` is the weight of the loss against the recipe's teacher; the loss against the masks has the rest.
    ``norm_batches`` batches of plain training crops give the batch norm statistics of the result; 0 keeps their
    running average.
    The last ``fp32_share`` of the steps is in float32, if ``precision`` is ``bf16``.
    The decay of the average at step n, from 0, is (1 + n) / (``average_ramp`` + n), up to ``average_decay``. So the
    average reaches back over about 1 / (``average_ramp`` - 1) of the steps so far, until the decay is at its limit.
    ``gradient_norm`` 0 turns clipping off. ``average_decay`` 0 turns averaging off. Every ``keep_every`` steps a copy
    of the weights is kept as ``weights-STEP.safetensors``; 0 keeps no copies.
    """

    steps: Number
    optimiser: Optimiser = Optimiser.ADAMW
    muon_ratio: Positive = 4.0
    schedule: Schedule = Schedule.ONE_CYCLE
    batch: Number = 8
    crop: Number = 128
    turns: tuple[CropSize, ...] = ()
    dice_per_crop: bool = False
    top_share: PositiveShare = 0.1
    top_pixels: Number | None = None
    poly_epsilon: NotNegative = 3.1
    teacher_share: Share = 0.5
    peak_learning_rate: Positive = 3e-3
    warm_up: Share = 0.1
    weight_decay: NotNegative = 1e-2
    gradient_norm: NotNegative = 1.0
    average_decay: Share = 0.998
    average_ramp: Annotated[float, Field(gt=1)] = 10.0
    norm_batches: Annotated[int, Field(ge=0)] = 0
    keep_every: Annotated[int, Field(ge=0)] = 0
    precision: TrainingPrecision = TrainingPrecision.FP32
    fp32_share: Share = 0.0

    @property
    def sizes(self) -> tuple[CropSize, ...]:
        """The sizes that steps take turns with, in their order."""
        return (CropSize(batch=self.batch, crop=self.crop), *self.turns)

    def precision_at(self, step: int) -> TrainingPrecision:
        """The arithmetic of step ``step``, counted from 0."""
        return self.precision if step < round((1 - self.fp32_share) * self.steps) else TrainingPrecision.FP32

    @model_validator(mode="after")
    def _has_a_precision_to_leave(self) -> "Optimisation":
        if self.fp32_share and self.precision is TrainingPrecision.FP32:
            raise ValueError("fp32_share is for precision bf16: with fp32 every step is in float32")
        return self

    @model_validator(mode="after")
    def _finds_its_hardest_pixels(self) -> "Optimisation":
        smallest = min(size.crop for size in self.sizes)
        if self.top_pixels is not None and self.top_pixels > smallest**2:
            raise ValueError(f"top_pixels {self.top_pixels} is more than a crop of side {smallest} has pixels")
        return self


class Recipe(RecipeTable):
    """Everything that determines a training run, except the seed and the device.

    ``exclude`` lists splits (``DATASET/SPLIT``). A frame of such a split is not trained on, in any dataset that holds a
    frame of its name, since the datasets share scenes. ``held_out`` lists patterns of frame names (``S7_*``) that are
    kept back for calibration and for tests on unseen sequences. ``start`` names the initial weights: a file, or one of
    ``model/weights``; by default they are random. ``teacher`` names weights in the same way: a trained network, usually
    a wider one, whose maps the network learns from in addition to the masks. ``mean`` and ``std`` normalise
    intensities, with one number for all channels or one per channel.
    """

    name: str
    description: str
    datasets: tuple[str, ...]
    split: str = "train"
    exclude: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    start: str | None = None
    teacher: str | None = None
    initialisation: Initialisation = Initialisation.PYTORCH
    mean: PerChannel = 90.0
    std: Positive | tuple[Positive, ...] = 60.0
    network: Network = Network()
    augmentation: Augmentation = Augmentation()
    optimisation: Optimisation

    @model_validator(mode="after")
    def _fits_the_network(self) -> "Recipe":
        for size in self.optimisation.sizes:
            if size.crop % self.network.stride:
                raise ValueError(f"crop {size.crop} is no multiple of {self.network.stride}")
            if size.batch == 1 and size.crop == self.network.stride:
                raise ValueError("batch norm would see one pixel at the deepest level: use a larger batch or crop")
            if self.augmentation.paste_share and size.crop < PATCH:
                raise ValueError(f"paste_share needs crops of at least {PATCH} pixels, but crop is {size.crop}")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, tuple) and len(values) != self.network.in_channels:
                raise ValueError(f"{name} has {len(values)} numbers for {self.network.in_channels} channels")
        if self.augmentation.border is Border.MEAN and isinstance(self.mean, tuple):
            raise ValueError("border mean needs one mean for all channels")
        return self

    @property
    def outside_intensity(self) -> float:
        """Intensity of pixels outside a frame, unless ``border`` is ``edge``."""
        is_mean = self.augmentation.border is Border.MEAN
        return self.mean if is_mean and isinstance(self.mean, float) else 0.0

    def with_budget(self, steps: int, batch: int, crop: int) -> "Recipe":
        """A copy of the recipe with another number of steps, and with this batch and crop size in every step.

        Raises:
            RecipeError: batch and crop do not fit the network.
        """
        budget = {"steps": steps, "batch": batch, "crop": crop, "turns": ()}
        content = self.model_dump()
        try:
            return Recipe.model_validate(content | {"optimisation": content["optimisation"] | budget})
        except ValidationError as error:
            raise RecipeError(f"recipe {self.name}: {_plain(error)}") from error


TABLES: Final[dict[str, type[RecipeTable]]] = {
    "network": Network,
    "augmentation": Augmentation,
    "optimisation": Optimisation,
}


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe from a file, or by the name of one in ``model/recipes``.

    Raises:
        RecipeError: there is no such recipe, it cannot be read, or a field is wrong.
    """
    path = Path(name_or_path)
    try:
        text = path.read_text() if path.is_file() else _shipped(name_or_path)
        return Recipe.model_validate(tomllib.loads(text))
    except ValidationError as error:
        raise RecipeError(f"recipe {name_or_path}: {_plain(error)}") from error
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"recipe {name_or_path} is no valid TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe {name_or_path} cannot be read: {error}") from error


def _plain(error: ValidationError) -> str:
    """Every fault by the name of its field, in words and without types of the code."""
    return "; ".join(_plain_fault(fault) for fault in error.errors())


def _plain_fault(fault: ErrorDetails) -> str:
    *tables, name = fault["loc"] or ("",)
    place = ".".join(map(str, fault["loc"]))
    if fault["type"] == "extra_forbidden":
        table = next((one for title, one in TABLES.items() if [title] == tables), Recipe)
        close = difflib.get_close_matches(str(name), table.model_fields, 1)
        return f"{place}: there is no such field" + (f" (did you mean {close[0]}?)" if close else "")
    if fault["type"] == "missing":
        return f"{place} is missing"
    message = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not place:
        return message
    given = fault["input"]
    return f"{place}: {message}" + (f", but it is {given!r}" if isinstance(given, str | int | float) else "")


def shipped_recipes() -> list[str]:
    """Names of the recipes in ``model/recipes``."""
    files = resources.files("model").joinpath("recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def _shipped(name: str) -> str:
    if name not in shipped_recipes():
        raise RecipeError(f"no recipe {name!r}: it is neither a file nor one of {', '.join(shipped_recipes())}")
    return resources.files("model").joinpath("recipes", f"{name}.toml").read_text()
