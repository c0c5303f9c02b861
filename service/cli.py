"""The command ``rrcanet``. Subcommands for training are found by entry points, so nothing here imports torch."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

import click

from service.extras import how_to_install
from service.server.memory import without_collections

GROUP: Final = "rrcanet.commands"
OWN: Final = {
    "detect": "service.commands.detect.command:detect_command",
    "key": "service.commands.key:key_command",
    "serve": "service.commands.serve:serve_command",
    "simulate": "service.commands.simulate:simulate_command",
}
SERVING, TRAINING = "cpu", "train"  # extras
EXTRAS: Final = dict.fromkeys(OWN, SERVING) | {"bulk": "bulk"}  # of commands; all others need that of training


class Commands(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All command names, including those whose extra is not installed."""
        return sorted(_known())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command. If its extra is missing, return a command that says so."""
        entry = _own().get(cmd_name) or _known().get(cmd_name)  # a look through all packages takes 8 ms
        if entry is None:
            return None
        try:
            with nullcontext() if entry.module in sys.modules else without_collections():
                command = getattr(import_module(entry.module), entry.attr)
        except ModuleNotFoundError as missing:
            return _unavailable(cmd_name, missing)
        assert isinstance(command, click.Command)
        return command


@click.group(cls=Commands, epilog="Example: rrcanet detect frame.png --format json")
@click.version_option(package_name="rrcanet-serve")
def main() -> None:
    """Infrared small-target detection with RRCA-Net."""


def _own() -> dict[str, EntryPoint]:
    return {name: EntryPoint(name, value, GROUP) for name, value in OWN.items()}


def _known() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)} | _own()


def _unavailable(name: str, missing: ModuleNotFoundError) -> click.Command:
    extra = EXTRAS.get(name, TRAINING)

    def explain(**_: object) -> None:
        raise click.UsageError(
            f"rrcanet {name} needs {missing.name}, which is not installed; install it with {how_to_install(extra)}"
        )

    callback: Callable[..., None] = explain
    arguments = click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)
    return click.Command(
        name,
        callback=callback,
        params=[arguments],
        short_help=f"(needs the extra '{extra}')",
        help=f"This command needs the extra '{extra}'. Install it with:\n\n\b\n{how_to_install(extra)}",
        context_settings={"ignore_unknown_options": True},
    )
