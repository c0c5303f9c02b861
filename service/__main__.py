"""``rrcanet``, also as ``python -m service``. A server handles signals before the rest of the program is imported."""

import sys

from service.early import handle_early_signals


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"]:
        handle_early_signals()
    from service.cli import main as command

    command(prog_name="rrcanet")


if __name__ == "__main__":
    main()
