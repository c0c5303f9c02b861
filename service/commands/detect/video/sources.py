"""The frames of a video file to its end, and of a stream that is connected again when it stalls."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Event
from typing import Protocol

from tqdm import tqdm

from service.commands.detect.video.decoder import (
    VideoFault,
    VideoFrame,
    check_complete,
    decode,
    expected_frames,
    open_video,
)

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 30.0


class VideoSource(Protocol):
    """Something that gives frames one after the other."""

    total: int | None
    is_live: bool

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame, in the order of time.

        Raises:
            VideoFault: the source cannot be read, or not to its end.
        """


class VideoFile:
    """A video file."""

    is_live = False

    def __init__(self, path: str, name: str) -> None:
        self._path, self._name = path, name
        with open_video(path) as container:
            self.total = expected_frames(container)

    def frames(self) -> Iterator[VideoFrame]:
        """Every frame of the file."""
        read = 0
        with open_video(self._path) as container:
            container.streams.video[0].thread_type = "AUTO"
            for frame in decode(container, self._name):
                read += 1
                yield frame
        check_complete(read, self.total)


@dataclass
class Stream:
    """An RTSP stream. It never ends: it is connected again after a while when it stalls or goes away.

    Attributes:
        address: of the stream.
        name: of its frames.
        shown: the address for messages.
        stall_s: a stream that sends nothing for so long is connected again.
        stop: ends the waiting between two tries.
        say: takes the messages.
    """

    address: str
    name: str
    shown: str
    stall_s: float
    stop: Event
    say: Callable[[str], None] = lambda text: tqdm.write(text, file=sys.stderr)
    total: int | None = None
    is_live = True

    def frames(self) -> Iterator[VideoFrame]:
        """Frames until ``stop``; the first connection is tried only once.

        Numbers go on after a break. Times are those of arrival, because the clock of a camera begins anew with each
        connection, and some send none.
        """
        began, number, wait = None, 0, FIRST_WAIT_S
        while not self.stop.is_set():
            reason = "the stream ended"
            try:
                for frame in self._connection():
                    now = time.monotonic()
                    began = now if began is None else began
                    yield replace(frame, number=number, time_s=now - began)
                    number, wait = number + 1, FIRST_WAIT_S
            except VideoFault as fault:
                if number == 0:
                    raise
                reason = str(fault)
            self.say(f"{self.shown}: {reason}; connecting again in {wait:g} s")
            self.stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)

    def _connection(self) -> Iterator[VideoFrame]:
        with open_video(self.address, self.stall_s) as container:
            yield from decode(container, self.name)
