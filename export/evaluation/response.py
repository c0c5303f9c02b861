"""Parses responses of ``POST /v1/detect``. Any server may have sent them, so every field is checked."""

import io
import json
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError, model_validator

from export.evaluation.source import refuse_several_frames

MAX_DETAIL: Final = 200  # bytes of an error response that is no problem document
Place = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]


class ResponseError(ValueError):
    """The response is not one of ``POST /v1/detect``. The message says why."""


class ResponseModel(BaseModel):
    """Base of all parts of a response. Unknown fields are ignored: a newer service may send more."""

    model_config = ConfigDict(frozen=True)


class ResponsePeak(ResponseModel):
    x: Place
    y: Place


class ResponseTarget(ResponseModel):
    peak: ResponsePeak
    area: Size
    confidence: Annotated[float, Field(ge=0, le=1)]


class ResponseMask(ResponseModel):
    data: Base64Bytes


class ResponseFrame(ResponseModel):
    """The part of a response about one frame; ``width`` and ``height`` are the frame's, in pixels."""

    width: Size
    height: Size
    targets: tuple[ResponseTarget, ...]
    mask: ResponseMask

    @model_validator(mode="after")
    def _fits(self) -> "ResponseFrame":
        if any(target.peak.x >= self.width or target.peak.y >= self.height for target in self.targets):
            raise ValueError("a peak lies outside the frame")
        if self.area > self.width * self.height:
            raise ValueError("the targets are larger than the frame")
        return self

    @property
    def area(self) -> int:
        """Area of all targets together, in pixels."""
        return sum(target.area for target in self.targets)

    def levels(self) -> NDArray[np.uint16]:
        """Pixels of the mask ``[H, W]``, of 8 or 16 bits.

        Raises:
            ResponseError: the mask is no image, has another size than the frame, or is in colour.
        """
        try:
            with Image.open(io.BytesIO(self.mask.data), formats=("PNG",)) as image:
                size = image.size
                if size != (self.width, self.height):
                    raise ResponseError(f"its mask is {size[0]}x{size[1]}, its frame {self.width}x{self.height}")
                levels = np.asarray(image)
        except ResponseError:
            raise
        except Exception as error:  # Pillow raises many kinds of exceptions for damaged files
            raise ResponseError("its mask is no PNG that can be read") from error
        if levels.ndim != 2:
            raise ResponseError("its mask is in colour")
        return levels.astype(np.uint16)


class Response(ResponseModel):
    frames: Annotated[list[dict[str, Any]], Field(min_length=1)]


def read_response(content: bytes) -> ResponseFrame:
    """The part about the only frame of a response.

    Raises:
        ResponseError: the content is not a response of ``POST /v1/detect``.
        SourceError: the file that was sent holds several frames.
    """
    try:
        first_frame, *others = Response.model_validate_json(content).frames
        refuse_several_frames(others)
        return ResponseFrame.model_validate(first_frame)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ResponseError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def error_detail(content: bytes) -> str:
    """The ``detail`` of a problem document; for any other error response, its first bytes as text."""
    try:
        match json.loads(content):
            case {"detail": detail}:
                return str(detail)
    except (ValueError, RecursionError):
        pass
    return content[:MAX_DETAIL].decode(errors="replace")
