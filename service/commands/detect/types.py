"""Types of arguments and options that only ``rrcanet detect`` has."""

import os
from pathlib import Path
from typing import Any

import click

from service.commands.detect.video.address import is_stream
from service.tracking.settings import parse_confirmation


class SourceType(click.Path):
    """A path, or the address of a stream, which stays text."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Convert to a path; a file that is not there is a usage error (exit code 2)."""
        if isinstance(value, str) and is_stream(value):
            return value
        path: Any = super().convert(value, param, ctx)
        return Path(path)


class ConfirmationType(click.ParamType[tuple[int, int]]):
    """``M/N``: seen in M of N frames."""

    name = "M/N"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Convert text to both numbers; text that is none is a usage error (exit code 2)."""
        try:
            return parse_confirmation(value) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(str(error), param, ctx)
