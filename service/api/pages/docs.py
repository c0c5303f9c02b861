"""``GET /openapi.json``, and ``GET /docs``: Swagger UI from an installed package, so that it works offline."""

import base64
import hashlib
import re
from typing import Any, Final

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
SHOWN: Final[dict[str, Any]] = {
    "validatorUrl": "none",  # the default sends the document to swagger.io
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,  # the list of schemas stays closed
}
# an error is one line in a route: its status and its reasons. What they mean stands once, above the routes
STYLES: Final = """
.response:is([data-code^="4"], [data-code^="5"]) :is(.response-controls, .model-example, .headers-wrapper),
.responses-inner .response-col_links { display: none }
.response td { padding: 4px 0; vertical-align: top }
.info details { margin: 1em 0 } .info summary { cursor: pointer; font-weight: 600 }
.info table td, .info table th { padding: 4px 12px 4px 0; text-align: left; vertical-align: top }
"""
POLICY: Final = (  # Swagger UI sets styles within its elements; an API key may be typed into the page
    "default-src 'none'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


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
        swagger_ui_parameters=SHOWN,
    )
    page = HTMLResponse(bytes(page.body).decode().replace("</head>", f"<style>{STYLES}</style></head>", 1))
    page.headers["Content-Security-Policy"] = POLICY.format(scripts=_hashes(bytes(page.body).decode()))
    files = StaticFiles(packages=[ASSETS])

    async def document(request: Request) -> JSONResponse:
        below = request.scope.get("root_path")
        return JSONResponse(app.openapi() | ({"servers": [{"url": below}]} if below else {}))

    async def asset(name: str, request: Request) -> Response:
        return await files.get_response(name, request.scope)

    async def docs() -> HTMLResponse:
        return page

    app.add_api_route(PATH, docs, include_in_schema=False, response_class=HTMLResponse)
    app.add_api_route(DOCUMENT, document, include_in_schema=False)
    app.add_api_route(f"{PATH}/{{name}}", asset, include_in_schema=False)


def _hashes(page: str) -> str:
    """The scripts within a page, as a policy allows them (CSP level 3, "Hash source")."""
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    return " ".join(f"'sha256-{digest}'" for digest in digests)
