"""Reads TIFF and BigTIFF files as frames of counts."""

from typing import Final

from intensity.tiff.frames import read_tiff

MAGICS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the first bytes of a file

__all__ = ["MAGICS", "read_tiff"]
