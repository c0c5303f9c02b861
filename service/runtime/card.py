"""The model card: JSON in the metadata of an ONNX file that describes the model.

A server needs nothing but the file to serve the model correctly.
"""

from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

METADATA_KEY: Final = "rrcanet.card"
FORMAT: Final = 1  # increased when an older server could misread a newer card

CudaGate = Literal["none", "graph", "session"]
Score = Literal["mean", "peak"]
Unit = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


class CardModel(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        json_schema_serialization_defaults_required=True,
        defer_build=True,  # the whole card needs no validators of its parts
    )


class Calibration(CardModel):
    """Maps the score of a target to confidence, linearly between knots.

    ``score`` says what the score is: the highest probability of the target's pixels (``peak``), or their mean. Files
    without this field are older, and their knots are for the mean.
    ``fitted_on`` names the frames that the knots were fitted on; ``identity`` means that nothing was fitted.
    """

    score: Score = "mean"
    scores: tuple[Unit, ...] = (0.0, 1.0)
    confidences: tuple[Unit, ...] = (0.0, 1.0)
    fitted_on: str = "identity"

    @model_validator(mode="after")
    def _is_monotone(self) -> "Calibration":
        if len(self.scores) != len(self.confidences) or len(self.scores) < 2:
            raise ValueError("scores and confidences must have the same length, at least 2")
        if any(b <= a for a, b in zip(self.scores, self.scores[1:], strict=False)):
            raise ValueError("scores must increase")
        if any(b < a for a, b in zip(self.confidences, self.confidences[1:], strict=False)):
            raise ValueError("confidences must not decrease")
        return self


UNCALIBRATED: Final = Calibration(score="peak")  # of a file that was just written: confidence = score


class OperatingPoints(CardModel):
    """Pd and false alarms by the lowest confidence that is kept, at the card's threshold.

    ``false_alarms_per_mpx`` counts false objects in a million pixels of frames with ``megapixels`` million pixels and
    ``targets`` true targets. ``measured_on`` names the frames, which the model was not trained on.
    """

    confidences: Annotated[tuple[Unit, ...], Field(min_length=1)]
    pd: tuple[Unit, ...]
    false_alarms_per_mpx: tuple[Annotated[float, Field(ge=0)], ...]
    targets: Annotated[int, Field(ge=1)]
    megapixels: Annotated[float, Field(gt=0)]
    measured_on: str

    @model_validator(mode="after")
    def _is_a_curve(self) -> "OperatingPoints":
        if not len(self.confidences) == len(self.pd) == len(self.false_alarms_per_mpx):
            raise ValueError("confidences, pd and false_alarms_per_mpx must have the same length")
        if any(b <= a for a, b in pairwise(self.confidences)):
            raise ValueError("confidences must increase")
        if any(b > a for a, b in pairwise(self.pd)):
            raise ValueError("pd must not increase")
        if any(b >= a for a, b in pairwise(self.false_alarms_per_mpx)):
            raise ValueError("false_alarms_per_mpx must decrease")
        return self


class Measurement(CardModel):
    """Scores on one dataset under one protocol. Fa is in false pixels per million.

    ``range`` has the values of the request parameter ``range``; the service uses ``auto`` by default.
    """

    dataset: str
    split: str
    grid: Literal["native", "256"]
    range: str = "auto"
    frames: int
    iou: Unit
    niou: Unit
    pd: Unit
    fa_identity: float
    fa_legacy: float


class PrecisionGate(CardModel):
    """Whether a model may run in bfloat16, by what that changes on frames that it was not trained on.

    ``iou`` is the change of IoU (0.003 is 0.3 points), ``detected`` the change of the number of detected targets, and
    ``fa`` the change of Fa, in false pixels per million. ``frames`` and ``targets`` are the numbers of both.
    ``measured_on`` names the frames, ``engine`` the engine that ran in bfloat16, with its version.
    """

    passed: bool
    iou: float
    detected: int
    fa: float
    frames: Annotated[int, Field(ge=1)]
    targets: Annotated[int, Field(ge=1)]
    measured_on: str
    engine: str


class GoldenCheck(CardModel):
    """A frame and PyTorch's answer to it. The service becomes ready only if the runtime gives the same answer.

    ``frame`` is an 8-bit PNG whose values are intensities, ``probabilities`` is a 16-bit PNG (65535 is 1). Both are
    base64. Sides are multiples of the stride. ``tolerance`` is the largest allowed difference of a probability.
    """

    frame: str
    probabilities: str
    tolerance: float


class Description(CardModel):
    """The part of a card that ``GET /v1/models`` shows.

    ``cuda_gate`` says how the export checked that every node can run on CUDA. ``session``: a session that allows no
    other device was opened. ``graph``: no CUDA was available, so only the opset, the domains and the absence of
    control flow were checked. ``none``: there was no check.
    ``pool_window`` is the side in pixels of the windows over which the channel attention of the network pools; None if
    it pools over the whole frame.
    ``bf16`` says what bfloat16 changes; None if that was not measured. Engines then compute in float32.
    ``threshold_rule`` says by which rule and on which frames the threshold was chosen; None if it was set by hand.
    """

    format: Literal[1] = FORMAT
    name: Name
    version: Version
    description: str
    trained_on: tuple[str, ...]
    split: str
    recipe: str
    steps: int
    seed: int
    commit: str
    parameters: int
    in_channels: int
    pool_window: int | None = None
    threshold: Unit
    threshold_rule: str | None = None
    stride: Annotated[int, Field(ge=1, le=1024)]
    precision: Literal["fp32", "fp16"]
    opset: int
    cuda_gate: CudaGate = "none"
    calibration: Calibration = Calibration()
    operating_points: OperatingPoints | None = None
    bf16: PrecisionGate | None = None
    measurements: tuple[Measurement, ...] = ()


class Card(Description):
    """The whole card: everything that a server needs to know about a model in addition to its graph."""

    model_config = ConfigDict(defer_build=False)  # threads that load models use it side by side

    golden: GoldenCheck
