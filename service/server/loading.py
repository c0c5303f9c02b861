"""Loads the models in a thread of its own: while the rest of the program is imported, and the server starts."""

from concurrent.futures import Future
from threading import Thread

from service.models.reload import ModelFolder
from service.models.repository import Repository, load_folder
from service.runtime.cpus import use_cpus
from service.settings import Settings


class Loading:
    """The first load of the models of a process.

    Attributes:
        folder: the model files as they were before they are read.
    """

    def __init__(self, settings: Settings) -> None:
        use_cpus(settings.threads)
        self._settings = settings
        self.folder = ModelFolder(settings.models, settings.device, settings.engine_choice)
        self._thread = Thread(target=self._load, name="load")
        self._loaded: Future[Repository] = Future()

    def begin(self) -> None:
        """Start the thread, unless it was started before."""
        if self._thread.ident is not None or self._loaded.done():
            return
        try:
            self._thread.start()
        except RuntimeError as fault:  # there is no memory for a thread
            self._loaded.set_exception(fault)

    def wait(self) -> Repository:
        """The models, once all are loaded and checked; or the fault."""
        return self._loaded.result()

    def _load(self) -> None:
        settings = self._settings
        try:
            folder, choice = settings.models, settings.engine_choice
            self._loaded.set_result(load_folder(folder, settings.device, settings.canary, choice))
        except BaseException as fault:
            self._loaded.set_exception(fault)
