"""What a request to ``POST /v1/detect`` asks for: its query parameters, and the media type of the answer.

An unknown parameter is an error, since it may be a typo. FastAPI does not read the parameters, because it would double
the time that a request needs in addition to its frame.
"""

from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from starlette.datastructures import QueryParams

from service.detection.description import MaskEncoding, PreviewEncoding
from service.detection.options import Options, Polarity, parse_radiometry, parse_range
from service.detection.sensitivity import Sensitivity, false_alarm_rate
from service.errors import Reason, ServiceError
from service.frames import LONGEST_SIDE, MOST_BYTES, RawLayout, RawType, Reading, layout_fault, parse_rows
from service.validation import explain_unknown, reword

Share = Annotated[float, Field(ge=0, le=1)]
MOST_FAULTS: Final = 8
MOST_PARAMETERS: Final = 64  # to check thousands would stop the event loop for half a second
Q = TypeVar("Q", bound=BaseModel)
REMEMBERED: Final = 64  # queries, and headers Accept; the size of each is bounded, since headers are
Side = Annotated[int, Field(ge=1, le=LONGEST_SIDE)]


class DetectQuery(BaseModel):
    """The parameters and their limits, as the OpenAPI document shows them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True, defer_build=False)

    model: str | None = Field(
        None, max_length=128, description="`NAME` or `NAME@VERSION`; by default the first model.", examples=["rrcanet"]
    )
    threshold: Share | None = Field(
        None, description="Pixels with a greater probability belong to targets; by default the model card's threshold."
    )
    min_confidence: Share = Field(0.0, description="Targets with a lower confidence are left out.")
    sensitivity: Sensitivity | None = Field(
        None, description="Replaces `min_confidence` by a rate of false alarms: `quiet`, `balanced` or `high`."
    )
    false_alarms_per_mpx: float | None = Field(
        None,
        gt=0,
        description="The same with a rate of your own: false alarms in a million pixels.",
        examples=[0.5],
    )
    min_area: int = Field(1, ge=1, description="Targets of fewer pixels are left out.")
    max_targets: int = Field(
        1000, ge=0, le=100_000, description="Most targets of one frame; the most confident are kept."
    )
    mask: MaskEncoding = Field(MaskEncoding.PNG, description="How the answer carries the mask.")
    preview: PreviewEncoding = Field(
        PreviewEncoding.NONE,
        description="`png`: each frame also has what the network saw, 8 bits after range and polarity.",
    )
    range: str = Field(
        "auto", max_length=64, description="How counts map to intensity: `auto`, `dtype`, `minmax` or `LO:HI`."
    )
    polarity: Polarity = Field(
        Polarity.WHITE_HOT,
        description="`white_hot`: targets are brighter than their background; `black_hot`: they are darker.",
    )
    timeout_ms: float | None = Field(
        None,
        gt=0,
        description="Deadline in milliseconds; it can only shorten the server's own deadline.",
        examples=[5000],
    )
    width: Side | None = Field(
        None, description="Pixels per raw row. Raw rows need `width`, `height` and `dtype`.", examples=[640]
    )
    height: Side | None = Field(None, description="Raw rows per frame.", examples=[512])
    dtype: RawType | None = Field(None, description="Type of raw pixels.")
    skip: int = Field(0, ge=0, le=MOST_BYTES, description="Bytes before the first raw row.")
    stride: int | None = Field(
        None,
        ge=1,
        le=MOST_BYTES,
        description="Bytes from one raw row to the next; by default the bytes of a row.",
    )
    rows: str | None = Field(
        None,
        max_length=20,
        description="`TOP:BOTTOM`: the raw rows of the picture, without telemetry; BOTTOM is not among them.",
        examples=["0:512"],
    )
    fill: float | None = Field(
        None, description="A count that means no data; such pixels are left out as NaN is.", examples=[0]
    )
    byteswap: bool = Field(False, description="Swap the two bytes of every 16-bit count.")
    radiometric: bool = Field(
        False, description="Read the raw counts that a JPEG of a FLIR camera carries, and not its picture."
    )
    radiometry: str | None = Field(
        None,
        max_length=64,
        description="`GAIN:OFFSET`: counts times GAIN plus OFFSET are degrees Celsius, which targets then have.",
        examples=["0.04:-273.15"],
    )

    @field_validator("rows")
    @classmethod
    def _are_rows(cls, text: str | None) -> str | None:
        if text is not None:
            parse_rows(text)
        return text

    @field_validator("range")
    @classmethod
    def _is_range(cls, text: str) -> str:
        parse_range(text)
        return text

    @field_validator("radiometry")
    @classmethod
    def _is_radiometry(cls, text: str | None) -> str | None:
        if text is not None:
            parse_radiometry(text)
        return text

    @model_validator(mode="after")
    def _describes_rows_fully(self) -> "DetectQuery":
        given = [value is not None for value in (self.width, self.height, self.dtype)]
        if any(given) and not all(given):
            raise ValueError("raw rows need all three of width, height and dtype")
        if not all(given) and (self.skip, self.stride, self.rows) != (0, None, None):  # forms send defaults too
            raise ValueError("skip, stride and rows are for raw rows, which need width, height and dtype")
        if self.raw is not None and (fault := layout_fault(self.raw)):
            raise ValueError(fault)
        return self

    @cached_property
    def reading(self) -> Reading:
        """How counts are read."""
        return Reading(self.fill, self.byteswap, self.radiometric)

    @model_validator(mode="after")
    def _chooses_one_operating_point(self) -> "DetectQuery":
        _ = self.false_alarm_rate
        return self

    @cached_property
    def false_alarm_rate(self) -> float | None:
        """False alarms in a million pixels that the request accepts; None if it names no rate."""
        others = {"min_confidence": self.min_confidence > 0, "threshold": self.threshold is not None}
        return false_alarm_rate(self.sensitivity, self.false_alarms_per_mpx, others)

    @cached_property
    def raw(self) -> RawLayout | None:
        if self.width is None or self.height is None or self.dtype is None:
            return None
        rows = None if self.rows is None else parse_rows(self.rows)
        return RawLayout(self.width, self.height, self.dtype, self.skip, self.stride, rows)

    @cached_property
    def options(self) -> Options:
        return Options(
            threshold=self.threshold,
            min_confidence=self.min_confidence,
            min_area=self.min_area,
            max_targets=self.max_targets,
            range=parse_range(self.range),
            polarity=self.polarity,
            false_alarms_per_mpx=self.false_alarm_rate,
            radiometry=None if self.radiometry is None else parse_radiometry(self.radiometry),
        )


@lru_cache(REMEMBERED)
def parse_query(query: bytes) -> DetectQuery:
    """Parse a query string. Valid ones are cached, since a client sends the same query again and again.

    Raises:
        ServiceError: ``bad_parameter``; the detail lists every parameter that is wrong.
    """
    return read_query(query, DetectQuery)


def read_query(query: bytes, kind: type[Q]) -> Q:
    """Parse a query string that has the parameters of ``kind``.

    Raises:
        ServiceError: as ``parse_query``.
    """
    if query.count(b"&") >= MOST_PARAMETERS:
        raise _refusal([("query", f"there are more than {MOST_PARAMETERS} parameters")])
    _refuse_repeated(QueryParams(query))
    try:
        return kind.model_validate(dict(QueryParams(query)))
    except ValidationError as error:
        faults = error.errors()
        explain_unknown(faults, kind.model_fields)
        raise _refusal([(_name(fault), fault["msg"]) for fault in faults]) from error


def _refuse_repeated(query: QueryParams) -> None:
    """Refuse a parameter that is given twice, since only one of its values could count."""
    names = [name for name, _ in query.multi_items()]
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise _refusal([(name, "is given more than once") for name in repeated[:MOST_FAULTS]])


def _name(fault: ErrorDetails) -> str:
    """The parameter that is wrong, or ``query`` if several do not fit together."""
    return str(fault["loc"][0]) if fault["loc"] else "query"


def _refusal(faults: list[tuple[str, str]]) -> ServiceError:
    """The error for parameters, given as name and message."""
    return ServiceError(Reason.BAD_PARAMETER, "; ".join(f"{name}: {reword(message)}" for name, message in faults))


class MediaType(StrEnum):
    """The media types of answers."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    MASK = "image/png"


WILDCARDS: Final = {MediaType.JSON: "application/*", MediaType.LINES: "application/*", MediaType.MASK: "image/*"}


@lru_cache(REMEMBERED)
def negotiate(header: str) -> MediaType:
    """The media type that a header ``Accept`` prefers; JSON if it prefers none (RFC 9110, section 12.5.1).

    Raises:
        ServiceError: ``not_acceptable``.
    """
    if not header.strip():
        return MediaType.JSON
    qualities = dict(_preference(item) for item in header.split(","))
    quality = {answer: _quality(answer, qualities) for answer in MediaType}
    best = max(MediaType, key=lambda answer: quality[answer])
    if quality[best] <= 0:
        detail = "Accept must allow application/json, application/x-ndjson or, for a single frame, image/png"
        raise ServiceError(Reason.NOT_ACCEPTABLE, detail)
    return best


def _quality(answer: MediaType, qualities: dict[str, float]) -> float:
    for pattern in (answer.value, WILDCARDS[answer], "*/*"):
        if pattern in qualities:
            return qualities[pattern]
    return 0.0


def _preference(item: str) -> tuple[str, float]:
    media_type, *parameters = (word.strip().lower() for word in item.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media_type, float(value)
            except ValueError:
                return media_type, 0.0
    return media_type, 1.0
