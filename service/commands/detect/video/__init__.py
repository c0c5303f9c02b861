"""Reads video files and RTSP streams through PyAV, which comes with the extra ``video``."""
