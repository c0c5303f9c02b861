"""``GET /``: the page for looking at targets, with its scripts, its style sheets and its sample scenes."""

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles


def _files(folder: Traversable, above: str) -> Iterator[str]:
    """The addresses of all files of a folder and of those within it."""
    for entry in folder.iterdir():
        address = f"{above}/{entry.name}"
        if entry.is_dir():
            yield from _files(entry, address)
        elif not entry.name.endswith(".html"):
            yield address


PATH: Final = "/"
FOLDER: Final = ("service", "web")
WEB: Final = resources.files("service").joinpath("web")
LOADED: Final = frozenset(_files(WEB, "/page"))
POLICY: Final = (  # the page may hold an API key: only its own scripts run, and they can call only this service
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; media-src blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def add_page(app: FastAPI) -> None:
    """Add the page and its files, with relative addresses and as routes, as in ``docs``."""
    text = WEB.joinpath("index.html").read_text()
    files = StaticFiles(packages=[FOLDER])

    async def page() -> HTMLResponse:
        return HTMLResponse(text, headers={"Content-Security-Policy": POLICY})

    async def loaded(name: str, request: Request) -> Response:
        if f"/page/{name}" not in LOADED:
            raise HTTPException(404)
        response = await files.get_response(name, request.scope)
        response.headers["Cache-Control"] = "no-cache"  # revalidated each time, so that all files are of one release
        return response

    app.add_api_route(PATH, page, include_in_schema=False, response_class=HTMLResponse)
    app.add_api_route("/page/{name:path}", loaded, include_in_schema=False)
