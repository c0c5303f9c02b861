"""API keys: random, known to the server by their SHA-256 alone, compared in constant time.

The file has a line a key: a name, a blank, the hash in hexadecimal. ``#`` begins a comment. A file that changes is read
again; one that has become unreadable leaves the keys as they were.
"""

import hashlib
import hmac
import logging
import re
import secrets
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32  # of randomness: so a plain hash cannot be searched
LINE: Final = re.compile(r"(?P<name>\S+)\s+(?P<hash>[0-9A-Fa-f]{64})")

logger = logging.getLogger(__name__)


class KeysFault(ValueError):
    """A keys file that cannot be used, and in which line."""


class Keys:
    """The keys of a file.

    Raises:
        KeysFault: it cannot be read, or a line of it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _state_of(path)
        self._hashes = read_keys(path)

    def owner(self, key: str | None) -> str | None:
        """Name of the key, None if there is no such key."""
        self.reload(unchanged_too=False)
        given = hash_of(key or "")
        owner = None
        for name, known in self._hashes.items():  # never stops early: time tells nothing of the others
            if hmac.compare_digest(given, known):
                owner = name
        return owner if key else None

    def reload(self, unchanged_too: bool = True) -> None:
        """Read the file again; what cannot be used changes nothing, and is told once."""
        state = _state_of(self._path)
        if state == self._state and not unchanged_too:
            return
        self._state = state
        try:
            self._hashes = read_keys(self._path)
        except KeysFault as fault:
            logger.error("the API keys stay as they were: %s", fault)


def read_keys(path: Path) -> dict[str, str]:
    """Hash by name.

    Raises:
        KeysFault: the file cannot be read, has no key, or a line is none.
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
            raise KeysFault(f"{path}, line {number}: must be a name of its own and a SHA-256 in hexadecimal")
        hashes[match["name"]] = match["hash"].lower()
    if not hashes:
        raise KeysFault(f"{path} has no key, so nobody could be served")
    return hashes


def make_key() -> str:
    """A new key."""
    return secrets.token_urlsafe(KEY_BYTES)


def hash_of(key: str) -> str:
    """What the file holds of a key."""
    return hashlib.sha256(key.encode()).hexdigest()


def _state_of(path: Path) -> tuple[int, int, int] | None:
    """What tells that the file has changed; None where it cannot be looked at."""
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_mtime_ns, known.st_size, known.st_ino
