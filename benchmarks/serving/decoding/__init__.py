"""CPU time of decoding: of each kind of frame, and in threads or worker processes."""
