"""Signals that come before a server handles them. Imports nothing that takes time, so it is in effect early."""

import os
import signal


def handle_early_signals() -> None:
    """SIGHUP does nothing, since there is nothing to reload. SIGTERM and SIGINT end the process at once with code 0.

    An exception would be lost if the signal comes within a callback that ignores exceptions.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def ignore_late_hangups() -> None:
    """SIGHUP does nothing until the process has ended: Python gives up its own handlers before it ends."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _end(*_: object) -> None:
    os._exit(0)
