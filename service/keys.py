"""API keys. They are random; the server stores only their SHA-256 and compares in constant time.

The file has one line for each key: a name, a space, and the hash in hexadecimal. ``#`` begins a comment. The server
reads the file again when it changes. If it is then invalid or empty, the previous keys stay valid and an error is
logged.
"""

import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path
from typing import Final

from service.files import FileState, read_file, state_of

KEY_BYTES: Final = 32  # random bytes: too many to search, so a plain hash is enough
LINE: Final = re.compile(r"(?P<name>\S+)\s+(?P<hash>[0-9A-Fa-f]{64})")

logger = logging.getLogger(__name__)


class KeysFault(ValueError):
    """A keys file cannot be used; the message names the line."""


class KeysUnreadable(KeysFault):
    """The file was not read, so what is in it is not known."""


class Keys:
    """The API keys of a file.

    Raises:
        KeysFault: the file or one of its lines cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: FileState | None
        self._hashes, self._read = _read(path)
        self._fault = ""

    def owner(self, key: str | None) -> str | None:
        """The name of a key; None if the key is unknown. It reads no file, so that it never waits."""
        given = hash_of(key or "")
        owner = None
        for name, known in self._hashes.items():  # all are compared, so that the time reveals nothing
            if hmac.compare_digest(given, known):
                owner = name
        return owner if key else None

    def reload(self, unchanged_too: bool = True) -> None:
        """Read the file again. If it cannot be used, the previous keys stay valid and an error is logged once.

        A file that could not be read is read again at the next call, so that no change is lost.
        """
        state = state_of(self._path)
        if state is not None and state == self._read and not unchanged_too:
            return
        try:
            self._hashes, self._read = _read(self._path)
            self._fault = ""
        except KeysFault as fault:
            if not isinstance(fault, KeysUnreadable):
                self._read = state
            if str(fault) != self._fault:
                logger.error("the previous API keys stay valid: %s", fault)
            self._fault = str(fault)


def read_keys(path: Path) -> dict[str, str]:
    """Read a keys file: the hash of each key by its name.

    Raises:
        KeysFault: the file cannot be read, it has no key, or a line is invalid.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[dict[str, str], FileState]:
    """The hashes, and the state in which the file was read."""
    try:
        content, state = read_file(path)
    except OSError as error:
        raise KeysUnreadable(f"{path} cannot be read: {error}") from error
    try:
        return _parse(path, content.decode().splitlines()), state
    except UnicodeDecodeError as error:
        raise KeysFault(f"{path} cannot be read: {error}") from error


def _parse(path: Path, lines: list[str]) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = LINE.fullmatch(text)
        if match is None or match["name"] in hashes:
            raise KeysFault(f"{path}, line {number}: must be a name used only once, and a SHA-256 in hexadecimal")
        hashes[match["name"]] = match["hash"].lower()
    if not hashes:
        raise KeysFault(f"{path} has no key, so every request would be refused; add one with rrcanet key")
    return hashes


def make_key() -> str:
    """Make a random key."""
    return secrets.token_urlsafe(KEY_BYTES)


def hash_of(key: str) -> str:
    """The hash of a key, as the keys file has it."""
    return hashlib.sha256(key.encode()).hexdigest()
