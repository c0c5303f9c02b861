"""Offers to speak another protocol, which are ignored: a server may (RFC 9110, section 7.8), and answers in HTTP/1.1.

httptools takes what follows such a head for the other protocol, and a body in it for another request. Java's HttpClient
and ``curl --http2`` offer h2c with every first request.
"""

from collections.abc import Iterable

from httptools import HttpParserUpgrade, HttpRequestParser

Header = tuple[bytes, bytes]


class Parser(HttpRequestParser):
    """httptools', which reads a head with an offer once more, as if it had come without."""

    _again = b""

    def __init__(self, receiver: object) -> None:
        self._receiver = receiver
        self._begin()

    def _begin(self) -> None:
        super().__init__(self._receiver)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's

    @property
    def ignores_head(self) -> bool:
        """Whether the head that is complete now is read once more; to be asked within callbacks."""
        return bool(self._again)

    def ignore_offer(self, url: bytes, headers: Iterable[Header]) -> None:
        """To be called with every complete head; CONNECT is no offer, though httptools sees one in it."""
        if self.should_upgrade() and self.get_method() != b"CONNECT":
            self._again = b"".join(
                [
                    b"%b %b HTTP/%b\r\n" % (self.get_method(), url, self.get_http_version().encode()),
                    *[b"%b: %b\r\n" % header for header in headers if header[0] != b"upgrade"],
                    b"\r\n",
                ]
            )

    def feed_data(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override]
        """As httptools', but never raises ``HttpParserUpgrade``."""
        rest = data
        while rest:
            try:
                return super().feed_data(rest)
            except HttpParserUpgrade as offer:
                rest = memoryview(rest)[offer.args[0] :]
                head, self._again = self._again, b""
                self._begin()  # for after a head with "Connection: close" it would read no other
                super().feed_data(head)
        return None
