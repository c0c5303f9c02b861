"""Options that more than one command has."""

import json
import os
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click

from model.files import write_atomically


class OutputFile(click.Path):
    """A file that is written when the work is done; a folder that cannot be had is said before it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, in a folder that is there and can be written.

        Raises:
            click.ClickException: it cannot; exit code 1.
        """
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=file.parent).close()
        except OSError as error:
            raise click.ClickException(f"cannot write {file}: {error.strerror}") from error
        return file


json_option = click.option("--json", "json_file", type=OutputFile(), help="Write the figures here too.")
key_option = click.option("--key", envvar="API_KEY", show_envvar=True, help="API key, where the service wants one.")


def write_json(file: Path, content: Any) -> None:
    """Indented, whole or not at all."""
    write_atomically(file, (json.dumps(content, indent=1) + "\n").encode())
