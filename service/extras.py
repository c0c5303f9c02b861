"""The commands that install or remove an optional part of the package, for messages."""

import shlex
import sys


def how_to_install(extra: str) -> str:
    """The command that installs ``extra`` into the environment of this process.

    The package is on no package index: pip takes the extra from the package that is installed, a wheel or a checkout.
    """
    return f"{_pip()} install 'rrcanet-serve[{extra}]'"


def how_to_uninstall(*packages: str) -> str:
    """The command that removes packages; packages that are not installed do no harm."""
    return f"{_pip()} uninstall -y {' '.join(packages)}"


def _pip() -> str:
    return f"{shlex.quote(sys.executable)} -m pip"
