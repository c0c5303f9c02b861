"""The folder of results: Parquet files that are complete or absent, each with all frames of some files."""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
from pyarrow import fs
from pyarrow import parquet as pq

from distributed.rows import SCHEMA, Row
from distributed.store import Store

SETTINGS: Final = b"rrcanet"  # key of the Parquet metadata
PREFIX, SUFFIX = "part-", ".parquet"
PARTIAL: Final = "_partial.parquet"  # readers of a folder of Parquet files skip names that begin with _
LOCK: Final = ".lock"


class PartsFault(ValueError):
    """The folder of results cannot be used for this run."""


class Parts:
    """The parts that are complete, and the rows of the next one.

    Args:
        store: the folder.
        settings: of this run, as JSON; they are written into each part.
        most: rows after which a part is written.

    Raises:
        PartsFault: a part cannot be read, or was written with other settings.
        OSError: the folder cannot be listed.
    """

    def __init__(self, store: Store, settings: str, most: int) -> None:
        self._store, self._most = store, most
        self._schema = SCHEMA.with_metadata({SETTINGS: settings.encode()})
        self._rows: list[Row] = []
        names = self._names()
        self.done = {path for name in names for path in self._paths(name)}
        self._next = 1 + max((int(name[len(PREFIX) : -len(SUFFIX)]) for name in names), default=-1)

    def add(self, rows: Sequence[Row]) -> None:
        """Take all rows of some files; a part is written when there are enough."""
        new = [row for row in rows if row["path"] not in self.done]
        self.done.update(row["path"] for row in new)
        self._rows += new
        if len(self._rows) >= self._most:
            self.write()

    def write(self) -> None:
        """Write the rows so far as a part, under a temporary name until it is complete."""
        rows, self._rows = self._rows, []  # an interruption may lose rows of this run, but never write them twice
        if not rows:
            return
        content = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, self._schema), content, compression="zstd")
        name, self._next = f"{PREFIX}{self._next:06}{SUFFIX}", self._next + 1
        with self._store.system.open_output_stream(self._place(PARTIAL)) as stream:
            stream.write(content.getvalue())
        self._store.system.move(self._place(PARTIAL), self._place(name))

    def _names(self) -> list[str]:
        found = self._store.system.get_file_info(fs.FileSelector(self._store.base, allow_not_found=True))
        names = (info.base_name for info in found)
        return sorted(name for name in names if name.startswith(PREFIX) and name.endswith(SUFFIX))

    def _paths(self, name: str) -> Iterator[str]:
        try:
            with self._store.system.open_input_file(self._place(name)) as stream:
                table = pq.read_table(stream, columns=["path"])
        except (pa.ArrowInvalid, OSError) as error:
            raise PartsFault(f"{self._place(name)} cannot be read: {error}; delete it to write it again") from error
        self._refuse_other_settings(name, table.schema.metadata or {})
        yield from table.column("path").to_pylist()

    def _refuse_other_settings(self, name: str, metadata: dict[bytes, bytes]) -> None:
        """Check that a part was written with the same model and options."""
        before, now = (json.loads(one.get(SETTINGS, b"{}")) for one in (metadata, self._schema.metadata))
        for key, value in now.items():
            if before.get(key) != value:
                change = f"{key} {before.get(key)} there, {value} now"
                raise PartsFault(f"{self._place(name)} was written with other settings ({change}); use another --out")

    def _place(self, name: str) -> str:
        return f"{self._store.base}/{name}"


@contextmanager
def open_parts(store: Store, settings: str, most: int) -> Iterator[Parts]:
    """Open the folder of results for one run; when the block ends, even if it fails, complete rows are written.

    Raises:
        PartsFault: as ``Parts``; or another run writes into the folder.
        OSError: the folder cannot be written.
    """
    store.system.create_dir(store.base, recursive=True)
    with _lock(store):
        parts = Parts(store, settings, most)
        try:
            yield parts
        finally:
            parts.write()


@contextmanager
def _lock(store: Store) -> Iterator[None]:
    """Keep other runs out of a folder on this machine; the lock ends with the process, however it ends."""
    if not store.is_local:
        yield
        return
    with Path(store.base, LOCK).open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PartsFault(f"another run writes into {store.base}") from error
        yield
