"""The query parameters of a stream: those of ``POST /v1/detect``, and what only a stream has."""

from typing import Final

from pydantic import Field

from service.api.detect.query import DetectQuery, describe_parameters
from service.detection.description import MaskEncoding


class StreamQuery(DetectQuery):
    """The parameters hold for every frame of the stream."""

    mask: MaskEncoding = Field(MaskEncoding.NONE, description="How the answers carry the mask.")


PARAMETERS: Final = describe_parameters(StreamQuery)
