"""What is read of an answer of ``POST /v1/detect``. Whoever gave it may be no service of ours: all of it is checked."""

import io
import json
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError, model_validator

from export.evaluation.source import only

SHOWN: Final = 200  # bytes of what is no problem
Place = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]


class AnswerError(ValueError):
    """What is wrong with an answer."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True)  # and what else a newer service tells is left alone


class Peak(Part):
    x: Place
    y: Place


class Target(Part):
    peak: Peak
    area: Size
    confidence: Annotated[float, Field(ge=0, le=1)]


class Mask(Part):
    data: Base64Bytes


class Entry(Part):
    """Of one frame; ``width`` and ``height`` are the frame's."""

    width: Size
    height: Size
    targets: tuple[Target, ...]
    mask: Mask

    @model_validator(mode="after")
    def _fits(self) -> "Entry":
        if any(target.peak.x >= self.width or target.peak.y >= self.height for target in self.targets):
            raise ValueError("a peak lies outside the frame")
        if self.area > self.width * self.height:
            raise ValueError("the targets are larger than the frame")
        return self

    @property
    def area(self) -> int:
        """Pixels of all targets together."""
        return sum(target.area for target in self.targets)

    def levels(self) -> NDArray[np.uint16]:
        """The mask's pixels ``[H, W]``, 8 or 16 bits.

        Raises:
            AnswerError: it is no image, or none of the frame's size.
        """
        try:
            with Image.open(io.BytesIO(self.mask.data), formats=("PNG",)) as image:
                size = image.size
                if size != (self.width, self.height):
                    raise AnswerError(f"its mask is {size[0]}x{size[1]}, its frame {self.width}x{self.height}")
                levels = np.asarray(image)
        except AnswerError:
            raise
        except Exception as error:  # damaged bytes raise nearly anything in Pillow's readers
            raise AnswerError("its mask is no PNG that can be read") from error
        if levels.ndim != 2:
            raise AnswerError("its mask is in colour")
        return levels.astype(np.uint16)


class Answer(Part):
    frames: Annotated[list[dict[str, Any]], Field(min_length=1)]


def read_answer(content: bytes) -> Entry:
    """The entry of the only frame.

    Raises:
        AnswerError: this is no such answer.
        SourceError: the frame sent was several.
    """
    try:
        entry, *others = Answer.model_validate_json(content).frames
        only(others)
        return Entry.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise AnswerError(f"{place}: {first['msg']}" if place else first["msg"]) from error


def detail(content: bytes) -> str:
    """Why something was not answered: the detail of a problem, or what else is there, cut short."""
    try:
        match json.loads(content):
            case {"detail": told}:
                return str(told)
    except (ValueError, RecursionError):
        pass
    return content[:SHOWN].decode(errors="replace")
