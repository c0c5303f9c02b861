"""A small RTSP server (RFC 2326) for tests: H.264 by libavformat's RTP, interleaved in the TCP connection.

Each connection gets ``burst`` frames, then the server hangs up, or with ``stall`` stays connected and sends no more.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import av
import numpy as np

SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=test\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
)
ANSWERS = {
    "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
    "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
    "PLAY": "Session: 1\r\nRange: npt=0-\r\n",
}


class RtspServer:
    """Serves ``frame [H, W]`` of uint8 again and again, 25 times a second."""

    def __init__(self, frame: np.ndarray, burst: int, stall: bool = False) -> None:
        self._frame, self._burst, self._stall = frame, burst, stall
        self._ended = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"rtsp://user:secret@127.0.0.1:{self.port}/camera"

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as requests:
            try:
                while method := self._answer(connection, requests):
                    if method == "PLAY":
                        self.connections += 1
                        self._play(connection)
                        return
            except OSError:
                return

    def _answer(self, connection: socket.socket, requests: Any) -> str:
        """Read one request and answer it; the method, or nothing at the end of the connection."""
        lines: list[str] = []
        while (line := requests.readline().decode().strip()) or not lines:
            if not line:
                return ""
            lines.append(line)
        method = str(lines[0].split()[0])
        number = next(line for line in lines if line.lower().startswith("cseq"))
        body = SDP if method == "DESCRIBE" else ""
        more = f"Content-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n" if body else ANSWERS.get(method, "")
        connection.sendall(f"RTSP/1.0 200 OK\r\n{number}\r\n{more}\r\n{body}".encode())
        return method

    def _play(self, connection: socket.socket) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind(("127.0.0.1", 0))
            packets.settimeout(0.02)
            with av.open(f"rtp://127.0.0.1:{packets.getsockname()[1]}?pkt_size=1200", "w", format="rtp") as sender:
                stream: Any = sender.add_stream("libx264", rate=25, options={"tune": "zerolatency", "g": "5"})
                stream.height, stream.width = self._frame.shape
                stream.pix_fmt = "yuv420p"
                for number in range(self._burst):
                    self._send(connection, sender, stream, packets, number)
        self._ended.wait(30 if self._stall else 0.1)

    def _send(self, connection: socket.socket, sender: Any, stream: Any, packets: socket.socket, number: int) -> None:
        frame = av.VideoFrame.from_ndarray(self._frame, format="gray")
        frame.pts = number
        sender.mux(stream.encode(frame))
        while True:
            try:
                packet = packets.recv(2000)
            except TimeoutError:
                return
            if packet[1] & 0x7F == 96:  # RTP, and not RTCP
                connection.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)


@contextmanager
def rtsp_server(frame: np.ndarray, burst: int, stall: bool = False) -> Iterator[RtspServer]:
    """A server on a free port of localhost."""
    server = RtspServer(frame, burst, stall)
    try:
        yield server
    finally:
        server.close()
