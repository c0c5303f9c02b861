"""What to type to get an optional part of the package, or to be rid of one."""

import shlex
import sys


def how_to_install(extra: str) -> str:
    """The command that adds ``extra`` to the environment of this process.

    The package is on no index: pip knows the extra from the package that is installed there, a wheel or a checkout.
    """
    return f"{_pip()} install 'rrcanet-serve[{extra}]'"


def how_to_uninstall(*packages: str) -> str:
    """The command that removes these, those that are not there included."""
    return f"{_pip()} uninstall -y {' '.join(packages)}"


def _pip() -> str:
    return f"{shlex.quote(sys.executable)} -m pip"
