"""How many bytes the bodies of all requests may have together, from their arrival to the answers."""

from threading import Lock

from service.engine.admission import Admission, Places
from service.errors import Reason, ServiceError


class BodyRoom:
    """A bounded number of bytes.

    Args:
        most: bytes of all bodies together.
    """

    def __init__(self, most: int) -> None:
        self.most, self._taken, self._lock = most, 0, Lock()

    @property
    def taken(self) -> int:
        """Bytes of the bodies of all requests that are not answered yet."""
        return self._taken

    def take(self, count: int) -> bool:
        """Take room for so many bytes, or give room back if the number is negative. False if there is no room."""
        with self._lock:
            if self._taken + count > self.most:
                return False
            self._taken += count
            return True


class BodyPlaces(Places):
    """The places of one request, and the room for its body. Leaving the ``with`` block gives all of it back."""

    def __init__(self, admission: Admission, room: BodyRoom) -> None:
        super().__init__(admission)
        self._room, self._bytes = room, 0

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        if self._bytes:
            with self._lock:
                self._room.take(-self._bytes)
                self._bytes = 0

    def hold(self, count: int) -> None:
        """Take room for more bytes of the body; a negative number gives some back. After the end it does nothing.

        Raises:
            ServiceError: ``queue_full``.
        """
        with self._lock:
            if self._left:
                return
            if not self._room.take(count):
                detail = f"the bodies of all requests together may have {self._room.most} bytes; try again later"
                raise ServiceError(Reason.QUEUE_FULL, detail, self._admission.expected_wait_s(1))
            self._bytes += count
