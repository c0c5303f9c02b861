"""``GET /``: the page for trying the service, with its scripts and its style sheet."""

from importlib import resources
from typing import Final

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

PATH: Final = "/"
FOLDER: Final = ("service", "web")
WEB: Final = resources.files("service").joinpath("web")
LOADED: Final = {f"/page/{file.name}" for file in WEB.iterdir() if not file.name.endswith(".html")}
POLICY: Final = (  # the page may hold an API key: only its own scripts run, and they can call only this service
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
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
    app.add_api_route("/page/{name}", loaded, include_in_schema=False)
