"""Lets web pages of other origins call the service (Fetch standard, "CORS protocol")."""

from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

SENT: Final = ("Authorization", "X-API-Key", "Content-Type", "Content-Encoding", "X-Request-Id", "X-Camera-Id")
READ: Final = ("X-Request-Id", "Server-Timing", "Retry-After")  # headers of answers that pages may read
PREFLIGHT_S: Final = 600  # a browser asks again after this time


def allow_origins(app: FastAPI, origins: Sequence[str]) -> None:
    """Allow the origins to call every route. Keys travel in headers, so no browser sends credentials by itself."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=("GET", "POST"),
        allow_headers=SENT,
        expose_headers=READ,
        max_age=PREFLIGHT_S,
    )
