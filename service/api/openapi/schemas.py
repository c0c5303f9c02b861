"""The schemas of answers, for the OpenAPI document; tests check real answers against them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.errors import Reason
from service.runtime.card import Description, OperatingPoints


class Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", defer_build=True)  # only the document and few routes need it


class Model(Schema):
    """The model that answered."""

    name: str
    version: str
    sha256: str


class Input(Schema):
    """How the frame was read; `range` holds the counts that became intensity 0 and 255."""

    dtype: str
    range: tuple[float, float]
    invalid_pixels: int | None = None


class Centroid(Schema):
    """The centre of a target, weighted by probability; (0, 0) is the centre of the top-left pixel."""

    x: float
    y: float


class Box(Schema):
    """A rectangle of whole pixels, half-open."""

    x: int
    y: int
    width: int
    height: int


class Peak(Schema):
    """The most probable pixel of a target."""

    x: int
    y: int
    probability: float


class Signal(Schema):
    """A target and the background around it, in counts of the frame; a value that is not defined is null."""

    peak: float | None
    mean: float | None
    background: float | None
    noise: float | None
    scr: float | None
    temperature_c: float | None = None


class Target(Schema):
    """One 8-connected component above the threshold."""

    id: int
    confidence: float
    centroid: Centroid
    bbox: Box
    area: int
    peak: Peak
    signal: Signal


class Image(Schema):
    """A PNG in base64: values 0 and 255 (`png`), or 65535 times the probability (`probability`)."""

    encoding: Literal["png", "probability"]
    data: str


class RunLengths(Schema):
    """COCO's compressed run lengths."""

    encoding: Literal["rle"]
    size: tuple[int, int]
    counts: str


class Preview(Schema):
    """What the network saw: an 8-bit PNG in base64, after range and polarity, of the size of the frame."""

    encoding: Literal["png"]
    data: str


class FrameFault(Schema):
    """Why one of several frames could not be read."""

    reason: Literal[Reason.UNDECODABLE_FRAME, Reason.UNSUPPORTED_MEDIA_TYPE]
    detail: str


class BadFrame(Schema):
    """A frame that could not be read, in the place of its targets."""

    index: int
    name: str | None
    error: FrameFault


class Frame(Schema):
    """A frame and its targets by falling confidence; the mask is exactly their union."""

    index: int
    name: str | None
    page: int | None = None
    width: int
    height: int
    input: Input
    targets: list[Target]
    truncated: bool | None = None
    warnings: list[str] | None = None
    mask: Image | RunLengths | None = None
    preview: Preview | None = None


class TimingMs(Schema):
    """Milliseconds of each stage; 0 for a stage that had nothing to do, such as inference of a constant frame."""

    decode: float
    queue: float
    inference: float
    postprocess: float
    total: float


class DetectAnswer(Schema):
    """The answer to `POST /v1/detect`."""

    model: Model
    frames: list[Frame | BadFrame]
    timing_ms: TimingMs


class Problem(Schema):
    """An error (RFC 9457); the text above the routes says when each reason occurs."""

    type: str
    status: int
    title: str
    detail: str
    reason: Reason
    request_id: str


class ShownPoints(OperatingPoints):
    """The curve of the card. `known_from_per_mpx` is the lowest rate of false alarms that its frames know well."""

    known_from_per_mpx: float


class ModelCard(Description):
    """A model's card, and how it runs: `engine_precision` is that of its arithmetic.

    `share` is its part of the requests for its name without a version: 0 to 1.
    """

    operating_points: ShownPoints | None = None
    sha256: str
    provider: str
    engine: str
    engine_precision: str
    share: float


class ModelCards(Schema):
    """All served models; requests that name no model get the first model's name."""

    models: list[ModelCard]
