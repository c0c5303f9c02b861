"""``GET /docs``: Swagger UI from a package of this machine, so that it works where nothing else can be reached."""

from typing import Final

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

PATH: Final = "/docs"
SCRIPT: Final = f"{PATH}/swagger-ui-bundle.js"
STYLE: Final = f"{PATH}/swagger-ui.css"
ASSETS: Final = ("fastapi_standalone_docs", "static/swagger")
NO_ICON: Final = "data:,"


def add_docs(app: FastAPI) -> None:
    """The page and what it loads; all addresses are relative, so a proxy may put the service below any path."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=app.title,
        swagger_js_url=SCRIPT.removeprefix("/"),
        swagger_css_url=STYLE.removeprefix("/"),
        swagger_favicon_url=NO_ICON,
        swagger_ui_parameters={"validatorUrl": "none"},  # the default sends the document to swagger.io
    )

    async def docs() -> HTMLResponse:
        return page

    app.add_api_route(PATH, docs, include_in_schema=False, response_class=HTMLResponse)
    app.mount(PATH, StaticFiles(packages=[ASSETS]))
