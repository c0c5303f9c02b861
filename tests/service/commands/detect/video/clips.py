"""Video files for tests."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import av
import numpy as np


def write_video(path: Path, frames: Iterable[np.ndarray], pixels: str, codec: str = "ffv1", **options: str) -> Path:
    """Frames ``[H, W]`` or ``[H, W, 3]`` as a video of 25 frames a second, with the given format of pixels."""
    with av.open(str(path), "w") as container:
        stream: Any = None
        for counts in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=25, options=options)
                stream.height, stream.width = counts.shape[:2]
                stream.pix_fmt = pixels
            frame = av.VideoFrame.from_ndarray(counts, format=_source(counts, pixels))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _source(counts: np.ndarray, pixels: str) -> str:
    if counts.ndim == 3:
        return "rgb24"
    return pixels if pixels.startswith("gray") else "gray"
