"""The card: what a model file says of itself, as JSON in the metadata of the ONNX file.

A server that is given only the file needs nothing else to serve it right.
"""

from typing import Annotated, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

METADATA_KEY: Final = "rrcanet.card"
FORMAT: Final = 1  # raised when an older server could misread a newer card

CudaGate = Literal["none", "graph", "session"]
Unit = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$")]


class CardModel(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, json_schema_serialization_defaults_required=True
    )


class Calibration(CardModel):
    """Score of a target (mean probability over its pixels) to confidence: linear between knots.

    ``fitted_on`` names the frames; ``identity`` says that nothing was fitted.
    """

    scores: tuple[Unit, ...] = (0.0, 1.0)
    confidences: tuple[Unit, ...] = (0.0, 1.0)
    fitted_on: str = "identity"

    @model_validator(mode="after")
    def _is_monotone(self) -> "Calibration":
        if len(self.scores) != len(self.confidences) or len(self.scores) < 2:
            raise ValueError("scores and confidences need the same length, at least 2")
        if any(b <= a for a, b in zip(self.scores, self.scores[1:], strict=False)):
            raise ValueError("scores must increase")
        if any(b < a for a, b in zip(self.confidences, self.confidences[1:], strict=False)):
            raise ValueError("confidences must not decrease")
        return self

    def confidence(self, score: NDArray[np.floating] | float) -> NDArray[np.float64]:
        """Share of targets with this score that are real."""
        return np.asarray(np.interp(score, self.scores, self.confidences))


class Measurement(CardModel):
    """Scores on one data set under one protocol. Fa counts pixels per million.

    ``range`` is how counts became intensities, in the words of the request's parameter; ``auto`` is what the service
    does unless asked otherwise.
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


class GoldenCheck(CardModel):
    """A frame and the answer PyTorch gave: readiness hangs on the runtime giving the same.

    ``frame`` is an 8-bit PNG whose values are intensities, ``probabilities`` a 16-bit PNG
    (65535 = 1), both base64; sides are multiples of the stride.
    """

    frame: str
    probabilities: str
    tolerance: float


class Description(CardModel):
    """What a card tells people.

    ``cuda_gate`` tells what showed, at export, that every node can run on CUDA: ``session``, one that allows no other
    place; ``graph``, where no CUDA was, the graph's opset, domains and lack of control flow; ``none``, nothing.
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
    threshold: Unit
    stride: Annotated[int, Field(ge=1, le=1024)]
    precision: Literal["fp32", "fp16"]
    opset: int
    cuda_gate: CudaGate = "none"
    calibration: Calibration = Calibration()
    measurements: tuple[Measurement, ...] = ()


class Card(Description):
    """Everything a server must know of a model besides its graph."""

    golden: GoldenCheck
