"""The files that frames are read from, and the names that their results go by."""

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

SUFFIXES: Final = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".npy")
RAW_SUFFIXES: Final = (".raw", ".bin")
STDIN: Final = Path("-")


class SourceFault(ValueError):
    """Arguments that are no set of frames."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the name of its frames: a file's, or a path whose parts ``/`` parts; it never leads upwards."""

    path: Path
    name: str

    @property
    def stem(self) -> str:
        """The name without suffix."""
        return stem_of(self.name)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file; ``below`` of the parts of its path are below the folder that was given."""

    path: Path
    below: int

    @property
    def parts(self) -> tuple[str, ...]:
        """Of the path from the root, without it; links keep the names that the user knows."""
        if self.path == STDIN:
            return ("stdin",)
        return Path(os.path.abspath(self.path)).parts[1:]


def stem_of(name: str) -> str:
    """``seq/0001`` of ``seq/0001.png``; the number of ``frame.0001`` is no suffix."""
    path = PurePath(name)
    return (path if path.suffix[1:].isdecimal() else path.with_suffix("")).as_posix()


def find_sources(
    arguments: Iterable[Path],
    suffixes: Sequence[str] = SUFFIXES,
    recursive: bool = False,
    results: Path | None = None,
) -> list[Source]:
    """Every file of frames, in order; their names differ in more than the suffix.

    Args:
        arguments: files, ``-`` for standard input, or folders of files.
        suffixes: of the files in folders, in small letters.
        recursive: folders in a folder are entered, but for links and ``results``.
        results: the folder that is written to.

    Raises:
        SourceFault: a folder without frames, or files whose names cannot differ.
        OSError: a folder cannot be read.
    """
    return _name([found for argument in arguments for found in _find(argument, suffixes, recursive, results)])


def _find(argument: Path, suffixes: Sequence[str], recursive: bool, results: Path | None) -> Iterator[_Found]:
    if argument == STDIN or not argument.is_dir():
        yield _Found(argument, 1)
        return
    files = sorted(path for path in _walk(argument, recursive, results) if path.suffix.lower() in suffixes)
    if not files:
        hint = "" if recursive else "; --recursive enters the folders in it"
        raise SourceFault(f"{argument} holds no frame ({', '.join(suffixes)}){hint}")
    yield from (_Found(path, len(path.relative_to(argument).parts)) for path in files)


def _walk(argument: Path, recursive: bool, results: Path | None) -> Iterator[Path]:
    for place, folders, files in os.walk(argument, onerror=_fail):
        yield from (Path(place, name) for name in files)
        folders[:] = [name for name in folders if recursive and not _same(Path(place, name), results)]


def _fail(error: OSError) -> None:
    raise error


def _same(folder: Path, other: Path | None) -> bool:
    return other is not None and other.exists() and folder.samefile(other)


def _name(files: Sequence[_Found]) -> list[Source]:
    """Names begin below the folder that was given, or as many folders higher as make them differ."""
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
    raise SourceFault(f"{first} and {second} have the same name, and so would their results")


def _readable(name: str) -> str:
    """As text that UTF-8 can carry, as results do; bytes of a name that are no text are written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def find_twins(sources: Iterable[Source], key: Callable[[Source], Hashable]) -> tuple[Source, Source] | None:
    """The first two files of one key."""
    seen: dict[Hashable, Source] = {}
    for source in sources:
        twin = seen.setdefault(key(source), source)
        if twin is not source:
            return twin, source
    return None
