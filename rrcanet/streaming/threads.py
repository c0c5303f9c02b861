"""A stream for programs with threads: one thread sends while the caller takes the answers."""

from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Final

from rrcanet.detections import Detections
from rrcanet.frames import Frames, read_items, suffixes_for
from rrcanet.http.wire import Wire
from rrcanet.streaming.connection import END, LOSSLESS, arguments_of, error_of, require_websockets
from rrcanet.streaming.unanswered import Unanswered

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

LEAVING_S: Final = 1.0  # for the thread that sends, if the caller leaves before the end


def stream_frames(wire: Wire, frames: Frames, query: Mapping[str, str], lossless: bool) -> Iterator[Detections]:
    """The detections of the frames, as their answers come. An error of ``frames`` is raised after the last answer.

    Raises:
        MissingExtra, Unsupported, Refusal, Unreachable, AnswerError: as ``Client.stream``.
    """
    require_websockets()
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    try:
        with connect(**arguments_of(wire, query), open_timeout=wire.timeout_s) as connection:
            sender = Sender(connection, lossless)
            thread = Thread(target=sender.run, args=(frames, suffixes_for(query)), name="rrcanet-stream", daemon=True)
            thread.start()
            try:
                for text in connection:
                    found = sender.unanswered.receive(text)
                    sender.room.release()
                    yield found
            finally:
                sender.leave()
                connection.close()
                thread.join(LEAVING_S)
    except (WebSocketException, OSError) as error:
        raise error_of(wire, error) from error
    if not sender.failures.empty():
        raise sender.failures.get()


class Sender:
    """Sends frames, and then ``end``.

    Attributes:
        unanswered: the frames that were sent.
        room: of a lossless stream, one for each frame that may be sent before an answer; else it has no end.
        failures: the error of the frames, if one occurred.
    """

    def __init__(self, connection: "ClientConnection", lossless: bool) -> None:
        self._connection, self._lossless, self._is_over = connection, lossless, False
        self.unanswered, self.room = Unanswered(), Semaphore(LOSSLESS)
        self.failures: SimpleQueue[Exception] = SimpleQueue()

    def run(self, frames: Frames, suffixes: tuple[str, ...]) -> None:
        """Send every frame. An error of the caller's frames ends the stream; the answers still come."""
        from websockets.exceptions import ConnectionClosed

        try:
            self._send(frames, suffixes)
        except ConnectionClosed:
            return  # whoever receives learns why
        except Exception as error:
            self.failures.put(error)
        try:
            self._connection.send(END)
        except ConnectionClosed:
            return

    def leave(self) -> None:
        """The caller does not wait for further answers."""
        self._is_over = True
        self.room.release()

    def _send(self, frames: Frames, suffixes: tuple[str, ...]) -> None:
        for item in read_items(frames, suffixes):
            if self._lossless:
                self.room.acquire()
            if self._is_over:
                return
            self._connection.send(self.unanswered.send(item))
