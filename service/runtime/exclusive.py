"""One piece of work on CUDA at a time in the whole process."""

from threading import RLock
from typing import Final

# While a graph is captured (in CUDA's global mode), memory that any other thread asks for or gives back breaks the
# capture: a model that is loaded, or one that is dropped, waits for the run that goes on, and the runs wait for it.
CUDA_WORK: Final = RLock()  # a thread that drops a model may be one that runs another
