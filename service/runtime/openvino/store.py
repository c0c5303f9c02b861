"""Compiled networks on disk: a start that finds its network there does not compile it again."""

import hashlib
import logging
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from service.files import read_file

STORED: Final = 32  # networks, of all models together; each takes 3 MB
SUFFIX: Final = ".blob"
HASH: Final = hashlib.sha256

logger = logging.getLogger(__name__)


class Store:
    """The networks of one model file.

    Args:
        folder: for the networks of all models; it is made if it is not there.
        content: of the model file.
        made_by: what else the networks depend on, such as the version of the compiler.
    """

    def __init__(self, folder: Path, content: bytes, made_by: str) -> None:
        self._folder = folder
        self._source = HASH(content).digest() + _code() + made_by.encode()

    def find(self, key: str) -> bytes | None:
        """The network that was kept under ``key``; None if there is none, or the file is damaged."""
        file = self._file(key)
        try:
            stored, _ = read_file(file)
            os.utime(file)  # those that were used last are kept
        except OSError:
            return None
        digest, network = stored[: HASH().digest_size], stored[HASH().digest_size :]
        return network if HASH(network).digest() == digest else None

    def keep(self, key: str, network: bytes) -> None:
        """Store a network, in place of the one that was not used for longest if there are many."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room()
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(HASH(network).digest() + network)
            os.replace(file.name, self._file(key))
        except OSError as fault:
            logger.warning("ENGINE_CACHE is not used, so each start compiles: %s: %s", self._folder, fault)

    def _file(self, key: str) -> Path:
        return self._folder / (HASH(self._source + key.encode()).hexdigest() + SUFFIX)

    def _make_room(self) -> None:
        stored = sorted(self._folder.glob("*" + SUFFIX), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in stored[STORED - 1 :]:
            old.unlink(missing_ok=True)


@cache
def _code() -> bytes:
    """A hash of the code that makes networks: what another release has stored may be another network."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return HASH(b"".join(file.read_bytes() for file in files)).digest()
