"""Files of frames on this machine or in an object storage, through the file systems of Arrow and fsspec."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import pyarrow
from pyarrow import fs

from service.commands.detect.sources import HIDDEN, SourceFault, find_files

SEPARATOR: Final = "://"
CHAIN: Final = "::"  # of fsspec: a file system within a file of another one


@dataclass(frozen=True, slots=True)
class File:
    """A file of frames.

    Attributes:
        path: as rows name it: an absolute path or an address, always valid UTF-8.
        place: as its file system names it.
        size: in bytes.
    """

    path: str
    place: str
    size: int


@dataclass(frozen=True, slots=True)
class Store:
    """A file system and the folder or file in it that an address names.

    Attributes:
        scheme: what stands before each path, ``s3://``; empty for this machine.
        base: the path without the scheme.
        system: the file system.
        container: what stands behind each path: ``::s3://bucket/frames.zip`` for files in an archive.
    """

    scheme: str
    base: str
    system: Any
    container: str = ""

    @property
    def is_local(self) -> bool:
        return not self.scheme

    def read(self, file: File) -> bytes:
        """The bytes of a file.

        Raises:
            OSError: it cannot be read.
        """
        if self.is_local:
            return Path(file.place).read_bytes()
        with self.system.open_input_stream(file.place) as stream:
            return bytes(stream.readall())

    def find(self, suffixes: Sequence[str], results: Path | None) -> list[File]:
        """The files of frames in this folder and all folders in it, sorted; or the one file that it is.

        Args:
            suffixes: of the files to take from folders, in lower case.
            results: a folder that is left out.

        Raises:
            SourceFault: there is none.
            OSError: the folder cannot be listed.
        """
        files = self._find_here(suffixes, results) if self.is_local else self._find_there(suffixes)
        if not files:
            raise SourceFault(f"{self._named(self.base)} has no frames ({', '.join(suffixes)})")
        return files

    def _find_here(self, suffixes: Sequence[str], results: Path | None) -> list[File]:
        base = Path(self.base)
        paths = find_files(base, suffixes, True, results) if base.is_dir() else [base]
        return [File(_readable(path), str(path), path.stat().st_size) for path in paths]

    def _find_there(self, suffixes: Sequence[str]) -> list[File]:
        info = self.system.get_file_info(self.base)
        if info.type is fs.FileType.Directory:
            below = self.system.get_file_info(fs.FileSelector(self.base, recursive=True))
            infos = [one for one in below if self._is_frame(one, suffixes)]
        else:
            infos = [] if info.type is fs.FileType.NotFound else [info]
        files = (File(self._named(one.path), one.path, one.size or 0) for one in infos)
        return sorted(files, key=lambda file: file.path)

    def _named(self, place: str) -> str:
        return f"{self.scheme}{place}{self.container}"

    def _is_frame(self, info: Any, suffixes: Sequence[str]) -> bool:
        path = PurePosixPath(info.path)
        hidden = any(part.startswith(HIDDEN) for part in path.relative_to(self.base).parts)
        return info.type is fs.FileType.File and path.suffix.lower() in suffixes and not hidden


def open_store(address: str) -> Store:
    """The file system of a path or an address: ``frames``, ``file:///frames``, ``s3://bucket/frames``.

    Raises:
        SourceFault: no file system has this scheme, or the address is wrong.
    """
    if SEPARATOR not in address:
        return Store("", os.path.abspath(address), fs.LocalFileSystem())
    scheme = address.partition(SEPARATOR)[0] + SEPARATOR
    _, chain, container = address.partition(CHAIN)
    try:
        system, base = _system(address)
    except (ValueError, OSError, ImportError) as error:  # ArrowInvalid is a ValueError
        raise SourceFault(f"{address} cannot be opened: {error}") from error
    is_local = isinstance(system, fs.LocalFileSystem)
    return Store("" if is_local else scheme, base, system, chain + container)


def _system(address: str) -> tuple[Any, str]:
    """Arrow's own file system, or that of fsspec if Arrow has none for the scheme."""
    try:
        system, base = fs.FileSystem.from_uri(address)
    except pyarrow.ArrowInvalid:
        from fsspec.core import url_to_fs

        other, base = url_to_fs(address)
        system = fs.PyFileSystem(fs.FSSpecHandler(other))
    return system, base


def _readable(path: Path) -> str:
    """The path as valid UTF-8 text; bytes that are not valid are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
