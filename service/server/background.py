"""Tasks that live as long as the process. None of them ends in silence."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from service.observability.metrics import Metrics

RESTART_S: Final = 1.0
LOG_EVERY_S: Final = 60.0  # for a fault that comes again and again

logger = logging.getLogger(__name__)


class Background:
    """Starts a task again after an exception. Every exception is counted; one that repeats is logged once a minute."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._logged: dict[str, tuple[str, float]] = {}

    async def keep(self, name: str, run: Callable[[], Awaitable[object]]) -> None:
        """Run until ``run`` returns, or this task is cancelled."""
        while True:
            try:
                await run()
                return
            except Exception as fault:
                self.failed(name, fault)
            await asyncio.sleep(RESTART_S)

    def failed(self, name: str, fault: Exception) -> None:
        """Count a failure of the task, and log it."""
        self._metrics.background_failures.labels(name).inc()
        text, now = repr(fault), time.monotonic()
        logged, when = self._logged.get(name, ("", 0.0))
        if text != logged or now - when > LOG_EVERY_S:
            self._logged[name] = text, now
            logger.error("the background task %s failed and starts again", name, exc_info=fault)
