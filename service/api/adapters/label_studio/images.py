"""The image of a task. Only the configured Label Studio and the configured folder are read.

An address in a task may be chosen by whoever imports tasks. A server that fetched any address could be used to reach
hosts that only this server can reach. So redirects are not followed either.
"""

import asyncio
import base64
import binascii
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote_to_bytes, urljoin, urlsplit

import httpx

from service.errors import Reason, ServiceError
from service.files import read_file
from service.settings import PREFIX, Settings

LOCAL_FILES: Final = "/data/local-files/"  # the route of Label Studio for files of its local storage
REFRESH: Final = "/api/token/refresh"  # personal access tokens are exchanged for short-lived ones
PIECE: Final = 1 << 20  # bytes
TIMEOUT_S: Final = 20.0
PORTS: Final = {"http": 80, "https": 443}


class TaskImages:
    """Reads images of tasks.

    Args:
        settings: name Label Studio, its token and the folder, and bound the size of an image.
    """

    def __init__(self, settings: Settings) -> None:
        self._base, self._files = settings.label_studio_url, settings.label_studio_files
        self._token = "" if settings.label_studio_token is None else settings.label_studio_token.get_secret_value()
        self._most_bytes = settings.max_body_bytes

    async def read(self, address: str) -> bytes:
        """The file at an address: a ``data:`` URI, a file of the folder, or one that Label Studio serves.

        Raises:
            ServiceError: ``bad_parameter``; the address is of another host, or the file cannot be read. Or
                ``body_too_large``.
        """
        if address.startswith("data:"):
            return self._checked(_decode_data(address))
        parts = _split(address)
        if self._files is not None and parts.path == LOCAL_FILES:
            return await asyncio.to_thread(self._read_file, parse_qs(parts.query).get("d", [""])[0])
        return await self._fetch(self._allowed(address))

    def _allowed(self, address: str) -> str:
        """The full address, if it is one of Label Studio."""
        if self._base is None:
            raise _refusal(f"set {PREFIX}LABEL_STUDIO_URL, so that images can be fetched from Label Studio")
        full = urljoin(self._base, address)
        if _origin(full) != _origin(self._base):
            raise _refusal(f"images are fetched from {self._base} only; store them in Label Studio")
        return full

    async def _fetch(self, address: str) -> bytes:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
                headers = await self._authorization(client)
                async with client.stream("GET", address, headers=headers) as answer:
                    if answer.status_code != 200:
                        raise _refusal(f"Label Studio answered {answer.status_code} for the image")
                    content = b""
                    async for piece in answer.aiter_bytes(PIECE):
                        content = self._checked(content + piece)
                    return content
        except httpx.HTTPError as error:
            raise _refusal(f"Label Studio cannot be reached for the image: {type(error).__name__}") from error

    async def _authorization(self, client: httpx.AsyncClient) -> dict[str, str]:
        """The header with the token; a personal access token, which is a JWT, is exchanged first."""
        if not self._token:
            return {}
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        assert self._base is not None
        answer = await client.post(urljoin(self._base, REFRESH), json={"refresh": self._token})
        if answer.status_code != 200:
            raise _refusal(f"Label Studio refuses {PREFIX}LABEL_STUDIO_TOKEN ({answer.status_code})")
        return {"Authorization": f"Bearer {answer.json()['access']}"}

    def _read_file(self, name: str) -> bytes:
        assert self._files is not None
        folder = self._files.resolve()
        path = (folder / name).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise _refusal(f"the folder of {PREFIX}LABEL_STUDIO_FILES has no file {Path(name).name!r}")
        if path.stat().st_size > self._most_bytes:
            raise self._too_large()
        return self._checked(read_file(path)[0])

    def _checked(self, content: bytes) -> bytes:
        if len(content) > self._most_bytes:
            raise self._too_large()
        return content

    def _too_large(self) -> ServiceError:
        return ServiceError(Reason.BODY_TOO_LARGE, f"the image is larger than {self._most_bytes} bytes")


def _decode_data(address: str) -> bytes:
    head, _, content = address.partition(",")
    if not head.endswith(";base64"):
        return unquote_to_bytes(content)
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise _refusal("the data URI is no base64") from error


def _split(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise _refusal("the address of the image is no URL") from error
    return parts


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = _split(address)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def _refusal(detail: str) -> ServiceError:
    return ServiceError(Reason.BAD_PARAMETER, detail)
