"""Bytes -> frames. What a frame is: its magic bytes win over the declared type."""

from service.frames.decode import ACCEPTED, decode
from service.frames.frame import SMALLEST_SIDE, Budget, Frame, Sent, undecodable
from service.frames.raw import RawLayout, RawType

__all__ = ["ACCEPTED", "SMALLEST_SIDE", "Budget", "Frame", "RawLayout", "RawType", "Sent", "decode", "undecodable"]
