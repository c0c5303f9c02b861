"""Reads files of one image: PNG, JPEG, BMP, JPEG 2000 and PGM; ``intensity.images`` decodes them, for training too."""

from typing import Final

from intensity.counts import StoredImage, UnreadableCountsError
from intensity.images import open_image
from service.errors import ServiceError
from service.frames.frame import Budget, Frame, make_frame, undecodable

MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/bmp", "image/jp2", "image/x-portable-graymap")


def read_image(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError] | None:
    """Read a file of one image; None if it begins like none of them.

    Raises:
        ServiceError: a limit, or ``undecodable_frame`` if not even the header can be read.
    """
    try:
        image = open_image(body)
    except UnreadableCountsError as error:
        raise undecodable(str(error)) from error
    return None if image is None else read_opened(image, budget, name)


def read_opened(image: StoredImage, budget: Budget, name: str | None) -> list[Frame | ServiceError]:
    """Decode an image if the budget allows its size."""
    budget.take(image.width, image.height)
    try:
        return [make_frame(*image.read(), name)]
    except UnreadableCountsError as error:
        return [undecodable(str(error))]
    except ServiceError as fault:
        return [fault.bare()]
