"""Bytes -> frames. What a frame is: its magic bytes win over the declared type."""

from service.frames.decode import decode
from service.frames.frame import Budget, Frame
from service.frames.raw import RawLayout, RawType

__all__ = ["Budget", "Frame", "RawLayout", "RawType", "decode"]
