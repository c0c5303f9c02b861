"""Finds the files that frames are read from, and gives each a unique name for its results."""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from rrcanet.frames import SUFFIXES
from service.commands.detect.video.address import is_video

STDIN: Final = Path("-")
HIDDEN: Final = "."  # macOS writes ``._NAME.png`` beside files that it copies


class SourceFault(ValueError):
    """The arguments name no frames, or files whose results would have the same name."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file or a stream, and the name of its frames: a relative path with ``/`` that never contains ``..``."""

    path: Path
    name: str
    stream: str | None = None  # the address, if it is no file

    @property
    def is_video(self) -> bool:
        """Whether it is a video file or a stream."""
        return self.stream is not None or is_video(self.path)

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return stem_of(self.name)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file; the last ``below`` parts of its path lie below the folder that was given."""

    path: Path
    below: int

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the absolute path without its root; links are not resolved, so users recognise the names."""
        if self.path == STDIN:
            return ("stdin",)
        return Path(os.path.abspath(self.path)).parts[1:]


def stem_of(name: str) -> str:
    """A name without its suffix: ``seq/0001`` for ``seq/0001.png``. The number in ``frame.0001`` is not a suffix."""
    path = PurePath(name)
    return (path if path.suffix[1:].isdecimal() else path.with_suffix("")).as_posix()


def find_sources(
    arguments: Iterable[Path],
    suffixes: Sequence[str] = SUFFIXES,
    recursive: bool = False,
    results: Path | None = None,
) -> list[Source]:
    """Find every file of frames, in order. Without their suffixes, the names of the files are unique.

    Within a folder, files and folders whose names begin with a dot are skipped.

    Args:
        arguments: files, ``-`` for standard input, or folders of files.
        suffixes: of the files to take from folders, in lower case.
        recursive: also search folders within folders, except links and ``results``.
        results: the folder that results are written to.

    Raises:
        SourceFault: a folder has no frames, or two files cannot have different names.
        OSError: a folder cannot be read.
    """
    return _name([found for argument in arguments for found in _find(argument, suffixes, recursive, results)])


def _find(argument: Path, suffixes: Sequence[str], recursive: bool, results: Path | None) -> Iterator[_Found]:
    if argument == STDIN or not argument.is_dir():
        yield _Found(argument, 1)
        return
    files = find_files(argument, suffixes, recursive, results)
    if not files:
        hint = "" if recursive else "; use --recursive to search the folders in it"
        raise SourceFault(f"{argument} has no frames ({', '.join(suffixes)}){hint}")
    yield from (_Found(path, len(path.relative_to(argument).parts)) for path in files)


def find_files(folder: Path, suffixes: Sequence[str], recursive: bool, results: Path | None) -> list[Path]:
    """The files of frames in a folder, sorted; the arguments are those of ``find_sources``.

    Raises:
        OSError: a folder cannot be read.
    """
    return sorted(path for path in _walk(folder, recursive, results) if path.suffix.lower() in suffixes)


def _walk(argument: Path, recursive: bool, results: Path | None) -> Iterator[Path]:
    for place, folders, files in os.walk(argument, onerror=_fail):
        yield from (Path(place, name) for name in files if not name.startswith(HIDDEN))
        folders[:] = [
            name
            for name in folders
            if recursive and not name.startswith(HIDDEN) and not _same(Path(place, name), results)
        ]


def _fail(error: OSError) -> None:
    raise error


def _same(folder: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and folder.samefile(other)


def _name(files: Sequence[_Found]) -> list[Source]:
    """Name files relative to the folder that was given, or to a folder above it if that makes the names unique."""
    highest = max((len(one.parts) - one.below for one in files), default=0)
    for above in range(highest + 1):
        sources = [Source(one.path, _readable("/".join(one.parts[-one.below - above :]))) for one in files]
        twins = find_twins(sources, lambda source: source.stem)
        if twins is None:
            return sources
    assert twins is not None
    first, second = (twin.path for twin in twins)
    if first == second:
        raise SourceFault(f"{first} is given twice")
    raise SourceFault(f"{first} and {second} have the same name, so their results would have the same name too")


def _readable(name: str) -> str:
    """The name as valid UTF-8 text; bytes that are not valid are written as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def find_twins(sources: Iterable[Source], key: Callable[[Source], Hashable]) -> tuple[Source, Source] | None:
    """The first two files with the same key; None if all keys differ."""
    seen: dict[Hashable, Source] = {}
    for source in sources:
        twin = seen.setdefault(key(source), source)
        if twin is not source:
            return twin, source
    return None
