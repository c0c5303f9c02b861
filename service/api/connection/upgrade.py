"""Ignores requests to upgrade to another protocol and answers in HTTP/1.1, as RFC 9110, section 7.8 allows.

After a header ``Upgrade``, httptools treats the body as data of the other protocol. Java's HttpClient and
``curl --http2`` offer h2c with every first request.
"""

from collections.abc import Iterable

from httptools import HttpParserUpgrade, HttpRequestParser

Header = tuple[bytes, bytes]


class Parser(HttpRequestParser):
    """httptools' parser; it parses headers that offer an upgrade a second time, without the offer."""

    _again = b""

    def __init__(self, receiver: object) -> None:
        self._receiver = receiver
        self._begin()

    def _begin(self) -> None:
        super().__init__(self._receiver)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does

    @property
    def ignores_head(self) -> bool:
        """Whether the headers that are complete now will be parsed again; call it within callbacks of the parser."""
        return bool(self._again)

    def ignore_offer(self, url: bytes, headers: Iterable[Header]) -> None:
        """Drop the offer from complete headers, if there is one; CONNECT is none, though httptools treats it as one."""
        if self.should_upgrade() and self.get_method() != b"CONNECT":
            self._again = b"".join(
                [
                    b"%b %b HTTP/%b\r\n" % (self.get_method(), url, self.get_http_version().encode()),
                    *[b"%b: %b\r\n" % header for header in headers if header[0] != b"upgrade"],
                    b"\r\n",
                ]
            )

    def feed_data(self, data: bytes | bytearray | memoryview) -> None:  # type: ignore[override]
        """Parse data as httptools does, but never raise ``HttpParserUpgrade``."""
        rest = data
        while rest:
            try:
                return super().feed_data(rest)
            except HttpParserUpgrade as offer:
                rest = memoryview(rest)[offer.args[0] :]
                head, self._again = self._again, b""
                self._begin()  # a parser that has seen "Connection: close" parses no further headers
                super().feed_data(head)
        return None
