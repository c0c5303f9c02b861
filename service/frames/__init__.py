"""Bytes -> frames. The magic bytes of a file decide its format, whatever media type was declared."""

from service.frames.decode import ACCEPTED, AS_STORED, Reading, decode, decode_file
from service.frames.frame import SMALLEST_SIDE, Budget, Celsius, Frame, FrameInfo, undecodable
from service.frames.raw import LONGEST_SIDE, MOST_BYTES, RawLayout, RawType, layout_fault, parse_rows
from service.frames.raw import MEDIA_TYPE as RAW_TYPE

__all__ = [
    "ACCEPTED",
    "AS_STORED",
    "LONGEST_SIDE",
    "MOST_BYTES",
    "RAW_TYPE",
    "SMALLEST_SIDE",
    "Budget",
    "Celsius",
    "Frame",
    "FrameInfo",
    "RawLayout",
    "RawType",
    "Reading",
    "decode",
    "decode_file",
    "layout_fault",
    "parse_rows",
    "undecodable",
]  # fmt: skip
