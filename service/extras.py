"""What to type to get an optional part of the package."""

import shlex
import sys


def how_to_install(extra: str) -> str:
    """The command that adds ``extra`` to the environment of this process.

    The package is on no index: pip knows the extra from the package that is installed there, a wheel or a checkout.
    """
    return f"{shlex.quote(sys.executable)} -m pip install 'rrcanet-serve[{extra}]'"
