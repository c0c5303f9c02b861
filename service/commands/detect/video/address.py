"""Which arguments are videos or streams, and how a stream is named."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

SUFFIXES: Final = (
    ".mp4", ".mkv", ".avi", ".mov", ".ts", ".m2ts", ".mpg", ".mpeg", ".webm", ".mjpeg", ".mjpg", ".m4v", ".wmv", ".y4m",
    ".h264", ".264", ".hevc", ".h265", ".flv", ".nut",
)  # fmt: skip
SCHEMES: Final = ("rtsp://", "rtsps://")


def is_video(path: Path) -> bool:
    """Whether the suffix of a file is that of a video."""
    return path.suffix.lower() in SUFFIXES


def is_stream(text: str) -> bool:
    """Whether an argument is the address of a stream."""
    return text.lower().startswith(SCHEMES)


def stream_name(address: str) -> str:
    """The name of a stream for its results: host, port and path, without the password."""
    parts = urlsplit(address)
    return re.sub(r"[^\w-]+", "_", f"{parts.netloc.rpartition('@')[2]}{parts.path}").strip("_") or "stream"


def without_password(address: str) -> str:
    """The address for messages."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
