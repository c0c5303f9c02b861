"""``client.stream``: frames to a server's WebSocket, and their detections back. It needs the extra ``stream``."""
