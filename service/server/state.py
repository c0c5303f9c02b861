"""The state of one serving process: its phase, its models, its engine."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Final, ParamSpec, TypeVar

from service.detection.detector import IDENTITY
from service.engine.engine import Engine
from service.errors import Reason, ServiceError
from service.keys import Keys
from service.models.canary import Canary
from service.models.repository import Repository
from service.observability.metrics import Metrics
from service.runtime import ModelFault
from service.server.background import Background
from service.server.loading import Loading
from service.server.memory import return_free_pages
from service.server.streams import Streams
from service.server.threads import can_read, stuck
from service.server.watchdog import Watchdog
from service.settings import Settings, SettingsFault

LOOK_EVERY_S: Final = 1.0
LAST_RUN_S: Final = 5.0  # at the end of the process, for a run whose requests are over

P = ParamSpec("P")
A = TypeVar("A")

logger = logging.getLogger(__name__)


class Phase(Enum):
    """Requests are served while ready and while draining. While refusing, only accepted requests are answered."""

    STARTING = auto()
    READY = auto()
    DRAINING = auto()
    REFUSING = auto()


class ServerState:
    """Everything that lives as long as the process.

    Args:
        stop: called when the models cannot be served, so that the process ends.
        reread: reads the settings again, of which the canary counts; without it, the canary stays as it is.
        loading: of the models, if it has begun already.
    """

    def __init__(
        self,
        settings: Settings,
        stop: Callable[[], object] = lambda: None,
        reread: Callable[[], Settings] | None = None,
        loading: Loading | None = None,
    ) -> None:
        self.settings, self._reread = settings, reread or (lambda: settings)
        self._loading = loading or Loading(settings)
        self.metrics = Metrics()
        self.keys = Keys(settings.api_keys_file) if settings.api_keys_file is not None else None
        self.engine = Engine(settings, self.metrics, self._lose_device)
        self.streams = Streams(min(settings.max_streams, settings.max_connections // 2), self.metrics)
        self.phase = Phase.STARTING
        self.background = Background(self.metrics)
        self.fault: ModelFault | None = None
        self._in_threads: set[object] = set()
        self._repository: Repository | None = None
        self._stop = stop
        self._models_requested, self._keys_requested = asyncio.Event(), asyncio.Event()
        self._folder = self._loading.folder
        self.metrics.watch(lambda: self.engine.admission.inside, settings.queue_size, lambda: self._is_ready)
        self.metrics.watch_backlog(lambda: self.engine.worker.backlog.seconds, settings.latency_objective_ms / 1e3)
        running = self.engine.running
        self.metrics.watch_threads(lambda: len(running), lambda: len(stuck(running)))

    def watchers(self) -> dict[str, Callable[[], Coroutine[object, object, None]]]:
        """The tasks that run until the process ends, by the names that logs and metrics give them."""
        always = {"watch_models": self.watch_models, "watch_device": self.watch_device}
        return always | ({"watch_keys": self.watch_keys} if self.keys is not None else {})

    async def load(self) -> None:
        """Wait until every model is loaded and checked. Then requests are accepted."""
        try:
            self._loading.begin()
            repository = await self._in_thread(self._loading.wait)
            await self._in_thread(self.engine.warm_up, list(repository))
            self._serve(repository)
        except Exception as error:  # a process that never becomes ready is of no use, whatever the reason
            self.fault = (
                error if isinstance(error, ModelFault) else ModelFault(f"the models cannot be loaded: {error!r}")
            )
            self._stop()
            return
        if self.phase is Phase.STARTING:
            self.phase = Phase.READY
            logger.info("ready")
            asyncio.get_running_loop().call_soon(self._return_memory)  # of what loading needed

    async def watch_device(self) -> None:
        """Notice a device that hangs. A task of its own, because a reload waits for the device."""
        watchdog = Watchdog(lambda: self.engine.running_since, LOOK_EVERY_S, self.settings.request_timeout_s)
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if (waited := watchdog.look()) is not None:
                self._lose_device(f"a run has not ended for {waited:.0f} seconds")

    async def watch_models(self) -> None:
        """Reload model files that have changed, until cancelled."""
        while True:
            requested = await _is_requested(self._models_requested)
            if self._repository is None:
                continue  # a change during the first load is noticed afterwards
            if requested:
                self._repository = self._repository.with_canary(await self._in_thread(self._canary_now))
            if requested or await self._in_thread(self._folder.has_changed):
                await self._reload(self._repository)

    async def watch_keys(self) -> None:
        """Read the file of API keys again when it has changed, until cancelled."""
        assert self.keys is not None
        while True:
            requested = await _is_requested(self._keys_requested)
            await self._in_thread(self.keys.reload, unchanged_too=requested)

    def reload_soon(self) -> None:
        """Read the keys, the canary and the model files again, whether they have changed or not."""
        self._keys_requested.set()
        self._models_requested.set()

    @property
    def is_stuck(self) -> bool:
        """Whether a thread may never end: one that reads files or loads models, the device's, or one of a request."""
        return bool(self._in_threads) or self.engine.is_stuck

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
        """Whether a load balancer should send requests to this process.

        Raises:
            ServiceError: ``not_ready`` or ``draining``.
        """
        if self.phase is Phase.STARTING:
            raise ServiceError(Reason.NOT_READY, "the models are being loaded and checked", retry_after_s=1)
        if self.phase is not Phase.READY:
            raise ServiceError(Reason.DRAINING, "this process is stopping", retry_after_s=1)
        if not self._is_ready:
            raise ServiceError(Reason.NOT_READY, "every thread that reads frames is stuck", retry_after_s=1)

    @property
    def _is_ready(self) -> bool:
        return self.phase is Phase.READY and can_read(self.engine.running)

    def _lose_device(self, detail: str) -> None:
        """Called in any thread. Only a new process can use the device again."""
        if self.fault is None:
            self.fault = ModelFault(f"the device is lost: {detail}")
            self.phase = Phase.REFUSING
            logger.error("%s", self.fault)

    def _canary_now(self) -> Canary | None:
        """The canary that the settings name now. If they cannot be used, it stays as it is."""
        before = self.settings.canary if self._repository is None else self._repository.canary
        try:
            now = self._reread().canary
        except SettingsFault as fault:
            logger.error("the canary stays as it was: %s", fault)
            return before
        if now != before:
            logger.info("CANARY %s, before %s", now, before)
        return now

    async def _reload(self, served: Repository) -> None:
        try:
            fresh = await self._in_thread(self._folder.refresh, served)
            before = set(served)
            await self._in_thread(self.engine.warm_up, [detector for detector in fresh if detector not in before])
        except ModelFault as fault:
            logger.error("the models stay as they were: %s", fault)
        except Exception as fault:  # no descriptor or memory is left, or a bug: no change of a file may be lost
            self._folder.read_again_soon()
            self.background.failed("watch_models", fault)
        else:
            self._serve(fresh)
            self._return_memory_later()

    def _serve(self, repository: Repository) -> None:
        """One assignment: a request sees either the old models or the new ones."""
        self._repository = repository
        self.metrics.show_models((*one.key, *one.runtime.labels) for one in repository)
        cards = [detector.runtime.card for detector in repository]
        logger.info("models: %s", ", ".join(f"{card.name}@{card.version}" for card in cards))
        if repository.waiting_for is not None:
            logger.warning("CANARY %s has no file yet; the other versions answer its requests", repository.waiting_for)
        for card in cards:
            if card.calibration.fitted_on == IDENTITY:
                logger.warning(
                    "%s@%s has no calibration: its confidence is a mean probability", card.name, card.version
                )

    def _return_memory_later(self) -> None:
        """Once every request that uses the old models is over."""
        asyncio.get_running_loop().call_later(self.settings.request_timeout_s, self._return_memory)

    def _return_memory(self) -> None:
        asyncio.get_running_loop().run_in_executor(None, return_free_pages)

    async def _in_thread(self, step: Callable[P, A], *arguments: P.args, **options: P.kwargs) -> A:
        """A step of a background task. The thread goes on even when the task is cancelled."""

        def run() -> A:
            token = object()
            self._in_threads.add(token)
            try:
                return step(*arguments, **options)
            finally:
                self._in_threads.discard(token)

        return await asyncio.to_thread(run)


async def _is_requested(event: asyncio.Event) -> bool:
    """Wait for a request to reload, or for the next look at the files."""
    try:
        async with asyncio.timeout(LOOK_EVERY_S):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
