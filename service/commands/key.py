"""``rrcanet key``."""

import click

from service.keys import hash_of, make_key

EPILOG = "Example: rrcanet key ground-station >> keys.txt"


@click.command("key", epilog=EPILOG)
@click.argument("name")
def key_command(name: str) -> None:
    """Make an API key: the key goes to standard error, once; its line for RRCANET_API_KEYS_FILE to standard output."""
    if any(character.isspace() or character == "#" for character in name) or not name:
        raise click.UsageError("NAME must be one word without #")
    key = make_key()
    click.echo(f"{name} {hash_of(key)}")
    click.echo(f"key of {name}, shown only now: {key}", err=True)
