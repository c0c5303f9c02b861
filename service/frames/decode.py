"""Which decoder reads a body."""

from typing import Final

from service.errors import Reason, ServiceError
from service.frames import npy, raster
from service.frames.frame import Budget, Frame, undecodable
from service.frames.raw import MEDIA_TYPE as RAW_TYPE
from service.frames.raw import RawLayout, RawType, read_raw

ACCEPTED: Final = (*raster.MEDIA_TYPES, npy.MEDIA_TYPE, RAW_TYPE)
MAGICS: Final = (npy.MAGIC, *(magic for magics in raster.MAGICS.values() for magic in magics))
UNMISTAKABLE: Final = tuple(magic for magic in MAGICS if len(magic) >= 4)  # two bytes may begin raw rows as well
FORMATS: Final = f"{', '.join(raster.MAGICS)} and NumPy's .npy"


def decode(
    body: bytes,
    media_type: str | None,
    budget: Budget,
    *,
    name: str | None = None,
    raw: RawLayout | None = None,
) -> list[Frame | ServiceError]:
    """Read every frame of a body.

    Args:
        body: a file, or raw rows if ``raw`` describes them and nothing but rows begins so.
        media_type: as declared; decides only what an unknown body is answered with.
        budget: of the whole request.

    Returns:
        One entry a frame, in order; the fault of a page stands in that page's place.

    Raises:
        ServiceError: a limit (fails the request), ``unsupported_media_type``, or ``undecodable_frame`` when
            not even the number of frames can be told.
    """
    if not body:
        raise undecodable("the body is empty")
    if raw is not None and not body.startswith(UNMISTAKABLE):
        return read_raw(body, raw, budget, name)
    frames = _read_by_magic(body, budget, name)
    if frames is None:
        raise _unknown(media_type)
    return frames


def decode_file(
    content: bytes, budget: Budget, name: str | None = None, *, raw: RawLayout | None = None, hint: str = ""
) -> list[Frame | ServiceError]:
    """As ``decode``, of a file that nothing but its content, or ``raw``, describes.

    Args:
        content: of the file.
        budget: of the file alone.
        name: of its frames.
        raw: as of ``decode``.
        hint: what is said besides of a file that begins like no format.

    Raises:
        ServiceError: a limit, or ``undecodable_frame`` when not even the number of frames can be told.
    """
    if not content:
        raise undecodable("the file is empty")
    if raw is not None and not content.startswith(UNMISTAKABLE):
        return read_raw(content, raw, budget, name)
    frames = _read_by_magic(content, budget, name)
    if frames is None:
        raise undecodable(f"the file does not begin like any format read here: {FORMATS}{hint}")
    return frames


def _read_by_magic(body: bytes, budget: Budget, name: str | None) -> list[Frame | ServiceError] | None:
    """Frames of a body that begins like one of the formats; None of any other."""
    if body.startswith(npy.MAGIC):
        return npy.read_npy(body, budget, name)
    for format_name, magics in raster.MAGICS.items():
        if body.startswith(magics):
            return raster.read_raster(body, format_name, budget, name)
    return None


def _unknown(media_type: str | None) -> ServiceError:
    """The fault of a body that begins like no format, by what it was declared to be."""
    if media_type == RAW_TYPE:
        needed = f"width, height and dtype ({', '.join(RawType)})"
        return undecodable(f"{RAW_TYPE}: raw rows need {needed} in the query; without them, send {FORMATS}")
    if media_type in ACCEPTED:
        return undecodable(f"the body does not begin like {media_type} or any other format read here: {FORMATS}")
    declared = media_type or "no media type"
    return ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, f"{declared}; accepted: {', '.join(ACCEPTED)}")
