"""``rrcanet``, also as ``python -m service``. A server handles signals before the rest of the program is imported."""

import sys

from service.early import handle_early_signals
from service.extras import how_to_install


def main() -> None:
    """Run the command line. Without the packages that it needs, exit with code 2 and the command that installs them."""
    if sys.argv[1:2] == ["serve"]:
        handle_early_signals()
    try:
        from service.cli import main as command
    except ModuleNotFoundError as missing:
        sys.stderr.write(
            f"the command rrcanet needs {missing.name}, which is not installed; install it with\n\n"
            f"{how_to_install('cpu')}\n\nor, for an NVIDIA GPU, with the extra gpu in place of cpu\n"
        )
        sys.exit(2)
    command(prog_name="rrcanet")


if __name__ == "__main__":
    main()
