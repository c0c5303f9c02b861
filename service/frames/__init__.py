"""Bytes -> frames. The magic bytes of a file decide its format, whatever media type was declared."""

from service.frames.decode import ACCEPTED, decode, decode_file
from service.frames.frame import SMALLEST_SIDE, Budget, Frame, FrameInfo, undecodable
from service.frames.raw import LONGEST_SIDE, RawLayout, RawType
from service.frames.raw import MEDIA_TYPE as RAW_TYPE

__all__ = [
    "ACCEPTED",
    "LONGEST_SIDE",
    "RAW_TYPE",
    "SMALLEST_SIDE",
    "Budget",
    "Frame",
    "FrameInfo",
    "RawLayout",
    "RawType",
    "decode",
    "decode_file",
    "undecodable",
]  # fmt: skip
