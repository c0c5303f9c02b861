"""Options shared by several commands."""

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
    """A file that is written at the end of a command. An unusable folder is reported before the work starts."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path. Its folder is created if necessary; the command ends with exit code 1 if it is not writable."""
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        require_writable(file)
        return file


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """End the command with a message and exit code 1 if ``file`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from error


def require_writable(file: Path) -> None:
    """End the command now if the folder of ``file`` is not writable, and not after the work."""
    with writing(file):
        TemporaryFile(dir=file.parent).close()


json_option = click.option("--json", "json_file", type=OutputFile(), help="Also write the results to this file.")
range_option = click.option(
    "--range",
    "span",
    type=RangeType(),
    default=RangeMode.AUTO.value,
    show_default=True,
    help="How counts map to intensity: auto (default of the service), dtype, minmax or LO:HI.",
)
key_option = click.option("--key", envvar=CLIENT_KEY, show_envvar=True, help="API key, if the service requires one.")


def write_json(file: Path, content: Any) -> None:
    """Write ``content`` as indented JSON in one atomic step."""
    with writing(file):
        write_atomically(file, (json.dumps(content, indent=1) + "\n").encode())
