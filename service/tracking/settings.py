"""What a caller may choose about tracks."""

from dataclasses import dataclass
from typing import Final

LONGEST_MEMORY: Final = 64  # frames that a confirmation may look back


@dataclass(frozen=True, slots=True)
class TrackSettings:
    """How targets are linked and when a track counts as confirmed or static.

    Attributes:
        confirm_hits: a track is confirmed when it is seen in so many ...
        confirm_frames: ... of the last so many frames.
        gate: pixels that a target moves against the scene from one frame to the next, at most.
        patience: frames that a confirmed track may be hidden; it ends after them.
        static_after: a track that was seen so often may count as static.
    """

    confirm_hits: int = 3
    confirm_frames: int = 5
    gate: float = 6.0
    patience: int = 15
    static_after: int = 30

    def __post_init__(self) -> None:
        if not 1 <= self.confirm_hits <= self.confirm_frames <= LONGEST_MEMORY:
            raise ValueError(f"a confirmation M/N needs 1 <= M <= N <= {LONGEST_MEMORY}")
        if not self.gate > 0:
            raise ValueError("the gate must be more than 0 pixels")


def parse_confirmation(text: str) -> tuple[int, int]:
    """``M/N`` as two numbers, with 1 <= M <= N.

    Raises:
        ValueError: the text is none.
    """
    hits, slash, frames = text.partition("/")
    if not slash or not (hits.isdecimal() and frames.isdecimal()):
        raise ValueError("must be M/N, for example 3/5")
    settings = TrackSettings(int(hits), int(frames))
    return settings.confirm_hits, settings.confirm_frames
