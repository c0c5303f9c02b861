"""Which measurements may still begin: the time limit of the whole run, and a device that has stopped to work."""

import time
from dataclasses import dataclass
from typing import Final

import torch

from service.runtime import Device

NO_TIME: Final = "the time limit was reached"
DEVICE_LOST: Final = "CUDA runs nothing more in this process after a fault"


@dataclass(frozen=True, slots=True)
class NotRun:
    """A measurement that did not begin, and why."""

    name: str
    why: str


class Schedule:
    """Lets measurements begin for so many minutes, and keeps a list of those that did not.

    A measurement that has begun is never interrupted.
    """

    def __init__(self, minutes: float, device: Device) -> None:
        self._until, self._device = time.monotonic() + 60 * minutes, device
        self.not_run: list[NotRun] = []

    def may_begin(self, name: str) -> bool:
        """Whether the measurement of this name may begin; if not, it joins ``not_run``."""
        why = DEVICE_LOST if not is_alive(self._device) else NO_TIME if time.monotonic() >= self._until else None
        if why is not None:
            self.not_run.append(NotRun(name, why))
        return why is None


def is_alive(device: Device) -> bool:
    """False after a fault that ends all work on CUDA in this process, such as an access to an illegal address."""
    try:
        if device is Device.CUDA:
            torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True


def one_line(error: BaseException) -> str:
    """The type of an error and the first line of its message, 200 characters at most."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
