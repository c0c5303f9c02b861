"""Compiled networks and cards on disk: a start that finds them there neither reads nor compiles the model."""

import hashlib
import logging
import os
import tempfile
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from service.files import read_file

STORED: Final = 64  # files, of all models together; a network takes 3 MB
SUFFIX: Final = ".rrcanet-network"
UNFINISHED: Final = ".rrcanet-part"
UNFINISHED_S: Final = 600.0  # writing takes less than a second
HASH: Final = hashlib.sha256

logger = logging.getLogger(__name__)


class Store:
    """The networks of one model file, and its card.

    Args:
        folder: for all models; it is made if it is not there.
        content: of the model file.
        made_by: what else the networks depend on, such as the version of the compiler.
    """

    def __init__(self, folder: Path, content: bytes, made_by: str) -> None:
        self._folder = folder
        self._source = HASH(content).digest() + _code() + made_by.encode()
        self._has_warned = False

    def find(self, key: str) -> bytes | None:
        """What was kept under ``key``; None if there is nothing, or the file is damaged."""
        file = self._file(key)
        try:
            stored, _ = read_file(file)
        except OSError:
            return None
        with suppress(OSError):  # the folder may be read-only
            os.utime(file)  # those that were used last are kept
        digest, content = stored[: HASH().digest_size], stored[HASH().digest_size :]
        return content if HASH(content).digest() == digest else None

    def keep(self, key: str, content: bytes) -> None:
        """Store a network or a card, in place of the file that was not used for longest if there are many."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
            self._write(self._file(key), HASH(content).digest() + content)
        except OSError as fault:
            if not self._has_warned:
                logger.warning("ENGINE_CACHE is not used, so each start compiles: %s: %s", self._folder, fault)
            self._has_warned = True

    def _file(self, key: str) -> Path:
        return self._folder / (HASH(self._source + key.encode()).hexdigest() + SUFFIX)

    def _write(self, file: Path, content: bytes) -> None:
        """Replace the file in one step: another process may read it."""
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=UNFINISHED, delete=False) as part:
            try:
                part.write(content)
                part.flush()
                os.replace(part.name, file)
            except OSError:
                os.unlink(part.name)
                raise

    def _make_room(self) -> None:
        """Remove what was not used for longest, and what processes that were killed have left unfinished."""
        stored = sorted(self._folder.glob("*" + SUFFIX), key=_used, reverse=True)
        old = time.time() - UNFINISHED_S
        parts = [part for part in self._folder.glob("*" + UNFINISHED) if _used(part) < old]
        for file in [*stored[STORED - 1 :], *parts]:
            file.unlink(missing_ok=True)


def _used(file: Path) -> float:
    """When a file was used last; 0 if another process has removed it."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@cache
def _code() -> bytes:
    """A hash of the code that makes and checks networks: what another release has stored may be another network."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return HASH(b"".join(file.read_bytes() for file in files)).digest()
