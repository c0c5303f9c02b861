"""The query parameters of a stream: those of ``POST /v1/detect``, and what only a stream has."""

from functools import cached_property

from pydantic import ConfigDict, Field, field_validator

from service.api.detect.query import DetectQuery
from service.detection.description import MaskEncoding
from service.tracking.settings import TrackSettings, parse_confirmation


class StreamQuery(DetectQuery):
    """The parameters hold for every frame of the stream."""

    model_config = ConfigDict(defer_build=True)

    mask: MaskEncoding = Field(MaskEncoding.NONE, description="How the answers carry the mask.")
    track: bool = Field(
        False, description="Give each target its track: `id`, `age`, `velocity`, `confirmed`, `static`."
    )
    confirm: str = Field(
        "3/5", max_length=8, description="`M/N`: a track is confirmed once it is seen in M of the last N frames."
    )

    @field_validator("confirm")
    @classmethod
    def _is_confirmation(cls, text: str) -> str:
        parse_confirmation(text)
        return text

    @cached_property
    def track_settings(self) -> TrackSettings:
        """When a track counts as confirmed."""
        return TrackSettings(*parse_confirmation(self.confirm))
