"""``rrcanet key``: makes an API key."""

import click

from service.keys import hash_of, make_key

EPILOG = "Example: rrcanet key ground-station >> keys.txt"


@click.command("key", epilog=EPILOG)
@click.argument("name")
def key_command(name: str) -> None:
    """Make an API key.

    The line for RRCANET_API_KEYS_FILE goes to standard output. The key itself goes to standard error; it is shown only
    once and stored nowhere.
    """
    if any(character.isspace() or character == "#" for character in name) or not name:
        raise click.UsageError("NAME must be one word without spaces and #")
    key = make_key()
    click.echo(f"{name} {hash_of(key)}")
    click.echo(f"key of {name}, shown only this once: {key}", err=True)
