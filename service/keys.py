"""API keys. They are random; the server stores only their SHA-256 and compares in constant time.

The file has one line for each key: a name, a space, and the hash in hexadecimal. ``#`` begins a comment. The file is
read again when it changes. If it is then invalid or empty, the previous keys stay valid and an error is logged.
"""

import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32  # random bytes: too many to search, so a plain hash is enough
LINE: Final = re.compile(r"(?P<name>\S+)\s+(?P<hash>[0-9A-Fa-f]{64})")

logger = logging.getLogger(__name__)


class KeysFault(ValueError):
    """A keys file cannot be used; the message names the line."""


class Keys:
    """The API keys of a file.

    Raises:
        KeysFault: the file or one of its lines cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _state_of(path)
        self._hashes = read_keys(path)

    def owner(self, key: str | None) -> str | None:
        """The name of a key; None if the key is unknown."""
        self.reload(unchanged_too=False)
        given = hash_of(key or "")
        owner = None
        for name, known in self._hashes.items():  # all are compared, so that the time reveals nothing
            if hmac.compare_digest(given, known):
                owner = name
        return owner if key else None

    def reload(self, unchanged_too: bool = True) -> None:
        """Read the file again. If it cannot be used, the previous keys stay valid and one error is logged."""
        state = _state_of(self._path)
        if state == self._state and not unchanged_too:
            return
        self._state = state
        try:
            self._hashes = read_keys(self._path)
        except KeysFault as fault:
            logger.error("the previous API keys stay valid: %s", fault)


def read_keys(path: Path) -> dict[str, str]:
    """Read a keys file: the hash of each key by its name.

    Raises:
        KeysFault: the file cannot be read, it has no key, or a line is invalid.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysFault(f"{path} cannot be read: {error}") from error
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


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """Modification time, size and inode of the file; None if they cannot be read."""
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_mtime_ns, known.st_size, known.st_ino
