"""``GET /openapi.json``, and ``GET /docs``: Swagger UI from an installed package, so that it works offline."""

from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.staticfiles import StaticFiles

DOCUMENT: Final = "/openapi.json"
PATH: Final = "/docs"
SCRIPT: Final = f"{PATH}/swagger-ui-bundle.js"
STYLE: Final = f"{PATH}/swagger-ui.css"
ASSETS: Final = ("fastapi_standalone_docs", "static/swagger")
NO_ICON: Final = "data:,"


def add_docs(app: FastAPI) -> None:
    """Add the document, the page and its files. All addresses are relative, so a proxy may serve them below any path.

    They are routes of the application and not a mount, so that metrics have a label for each.
    """
    page = get_swagger_ui_html(
        openapi_url=DOCUMENT.removeprefix("/"),
        title=app.title,
        swagger_js_url=SCRIPT.removeprefix("/"),
        swagger_css_url=STYLE.removeprefix("/"),
        swagger_favicon_url=NO_ICON,
        swagger_ui_parameters={"validatorUrl": "none"},  # the default sends the document to swagger.io
    )
    files = StaticFiles(packages=[ASSETS])

    async def document() -> JSONResponse:
        return JSONResponse(app.openapi())

    async def asset(name: str, request: Request) -> Response:
        return await files.get_response(name, request.scope)

    async def docs() -> HTMLResponse:
        return page

    app.add_api_route(PATH, docs, include_in_schema=False, response_class=HTMLResponse)
    app.add_api_route(DOCUMENT, document, include_in_schema=False)
    app.add_api_route(f"{PATH}/{{name}}", asset, include_in_schema=False)
