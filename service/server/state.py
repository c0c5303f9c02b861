"""The state of one serving process: starting, ready, draining, and what it serves with."""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, ParamSpec, TypeVar

from service.engine.engine import Engine
from service.errors import Reason, ServiceError
from service.keys import Keys
from service.models.reload import refresh, signature
from service.models.repository import Repository, load_folder
from service.observability.metrics import Metrics as Telemetry
from service.runtime import ModelFault
from service.server.memory import return_free_pages
from service.server.watchdog import HangWatch
from service.settings import Settings

LOOK_EVERY_S: Final = 1.0
LAST_RUN_S: Final = 5.0  # at the end, for a run that nobody waits for any more

P = ParamSpec("P")
A = TypeVar("A")

logger = logging.getLogger(__name__)


class Phase(Enum):
    """Requests are served while ready and while draining; while refusing, those that were accepted are answered."""

    STARTING = auto()
    READY = auto()
    DRAINING = auto()
    REFUSING = auto()


class Serving:
    """Everything that lives as long as the process.

    Args:
        stop: called when a model cannot be served: the process should end.
    """

    def __init__(self, settings: Settings, stop: Callable[[], object] = lambda: None) -> None:
        self.settings = settings
        self.telemetry = Telemetry()
        self.keys = Keys(settings.api_keys_file) if settings.api_keys_file is not None else None
        self.engine = Engine(settings, self.telemetry, self._lose_device)
        self.phase = Phase.STARTING
        self.fault: ModelFault | None = None
        self._loading = False
        self._repository: Repository | None = None
        self._stop = stop
        self._changed = asyncio.Event()
        self._seen = signature(settings.models)
        self.telemetry.watch(
            lambda: self.engine.admission.inside, settings.queue_size, lambda: self.phase is Phase.READY
        )

    async def load(self) -> None:
        """Load and check every model, off the event loop; then requests are let in."""
        try:
            settings = self.settings
            repository = await self._in_thread(load_folder, settings.models, settings.device, settings.canary)
            await self._in_thread(self.engine.warm_up, list(repository))
        except Exception as error:  # whatever it is: a process that never becomes ready helps nobody
            self.fault = (
                error if isinstance(error, ModelFault) else ModelFault(f"the models cannot be loaded: {error!r}")
            )
            self._stop()
            return
        self._repository = repository
        self._tell_models()
        if self.phase is Phase.STARTING:
            self.phase = Phase.READY
            logger.info("ready")

    def _lose_device(self, detail: str) -> None:
        """Called in the device's thread. A supervisor can start the process again, nothing else helps."""
        if self.fault is None:
            self.fault = ModelFault(f"the device is lost: {detail}")
            self.phase = Phase.REFUSING
            logger.error("%s", self.fault)

    async def watch_device(self) -> None:
        """Notice a device that hangs, until cancelled; by itself, since a reload waits for the device."""
        watch = HangWatch(lambda: self.engine.running_since, LOOK_EVERY_S, self.settings.request_timeout_s)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if (waited := watch.look()) is not None:
                self._lose_device(f"a run has not ended for {waited:.0f} seconds")

    @property
    def is_stuck(self) -> bool:
        """Whether a thread may never end: it loads models, or runs one."""
        return self._loading or self.engine.running_since is not None

    async def _in_thread(self, step: Callable[P, A], *arguments: P.args, **options: P.kwargs) -> A:
        """What loads models; the thread goes on where nobody waits for it any more."""

        def run() -> A:
            self._loading = True
            try:
                return step(*arguments, **options)
            finally:
                self._loading = False

        return await asyncio.to_thread(run)

    def reload_soon(self) -> None:
        """Look at the model files and the keys now, changed or not."""
        if self.keys is not None:
            self.keys.reload()
        self._changed.set()

    async def watch(self) -> None:
        """Take up model files that change, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
            asked = self._changed.is_set()
            self._changed.clear()
            if self._repository is None:
                continue  # what changes while the first models are loaded is seen afterwards
            now = signature(self.settings.models)
            if now != self._seen or asked:
                self._seen = now
                await self._reload(self._repository)

    async def _reload(self, served: Repository) -> None:
        try:
            fresh = await self._in_thread(refresh, self.settings.models, self.settings.device, served)
            before = set(served)
            await self._in_thread(self.engine.warm_up, [detector for detector in fresh if detector not in before])
        except ModelFault as fault:
            logger.error("the models stay as they were: %s", fault)
            return
        except Exception:  # a bug; the next change is looked at all the same
            logger.exception("the models stay as they were")
            return
        self._repository = fresh  # one assignment: a request sees the old models or the new ones
        self._tell_models()
        self._clean_up_later()

    def _clean_up_later(self) -> None:
        """When nobody can wait for an answer of the old models any more."""
        loop = asyncio.get_running_loop()
        loop.call_later(self.settings.request_timeout_s, loop.run_in_executor, None, return_free_pages)

    def _tell_models(self) -> None:
        self.telemetry.model_info.clear()
        for detector in self._repository or ():
            card, runtime = detector.runtime.card, detector.runtime
            self.telemetry.model_info.labels(card.name, card.version, runtime.sha256, runtime.provider).set(1)
        logger.info(
            "models: %s", ", ".join(f"{d.runtime.card.name}@{d.runtime.card.version}" for d in self._repository or ())
        )

    @property
    def repository(self) -> Repository:
        """The models, if requests may use them.

        Raises:
            ServiceError: ``not_ready`` or ``draining``.
        """
        if self.phase is Phase.REFUSING:
            raise ServiceError(Reason.DRAINING, "this process is stopping", retry_after_s=1)
        if self._repository is None:
            raise ServiceError(Reason.NOT_READY, "the models are being loaded and checked", retry_after_s=1)
        return self._repository

    def check_ready(self) -> None:
        """Whether a load balancer should send requests here.

        Raises:
            ServiceError: ``not_ready`` or ``draining``.
        """
        if self.phase is Phase.STARTING:
            raise ServiceError(Reason.NOT_READY, "the models are being loaded and checked", retry_after_s=1)
        if self.phase is not Phase.READY:
            raise ServiceError(Reason.DRAINING, "this process is stopping", retry_after_s=1)
