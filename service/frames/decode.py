"""Which decoder reads a body."""

from service.errors import Reason, ServiceError
from service.frames import npy, raster
from service.frames.frame import Budget, Frame, undecodable
from service.frames.raw import RawLayout, read_raw

ACCEPTED = (*raster.MEDIA_TYPES, npy.MEDIA_TYPE, "application/octet-stream")


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
        body: a file, or raw rows if ``raw`` describes them.
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
    if raw is not None:
        return read_raw(body, raw, budget, name)
    if body.startswith(npy.MAGIC):
        return npy.read_npy(body, budget, name)
    for format_name, magics in raster.MAGICS.items():
        if body.startswith(magics):
            return raster.read_raster(body, format_name, budget, name)
    if media_type in ACCEPTED:
        raise undecodable(f"the body does not begin like {media_type} or any other format read here")
    accepted = ", ".join(ACCEPTED)
    raise ServiceError(Reason.UNSUPPORTED_MEDIA_TYPE, f"{media_type or 'no media type'}; accepted: {accepted}")
