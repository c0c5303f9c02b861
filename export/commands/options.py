"""Options that more than one command has."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click

from model.files import write_atomically
from service.commands.options import RangeType
from service.detection.options import RangeMode
from service.settings import CLIENT_KEY


class OutputFile(click.Path):
    """A file that is written when the work is done; a folder that cannot be had is said before it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, in a folder that is there and can be written; exit code 1 where it cannot."""
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        require_writable(file)
        return file


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """A disk that is full, or a folder that cannot be written, ends the command with a word and exit code 1."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from error


def require_writable(file: Path) -> None:
    """That the folder of ``file`` cannot be written is said before the work, not after."""
    with writing(file):
        TemporaryFile(dir=file.parent).close()


json_option = click.option("--json", "json_file", type=OutputFile(), help="Write the figures here too.")
range_option = click.option(
    "--range",
    "span",
    type=RangeType(),
    default=RangeMode.AUTO.value,
    show_default=True,
    help="Counts to intensity: auto, as the service has it by default, dtype, minmax or LO:HI.",
)
key_option = click.option("--key", envvar=CLIENT_KEY, show_envvar=True, help="API key, where the service wants one.")


def write_json(file: Path, content: Any) -> None:
    """Indented, whole or not at all."""
    with writing(file):
        write_atomically(file, (json.dumps(content, indent=1) + "\n").encode())
