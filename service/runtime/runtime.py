"""One model file, loaded: probabilities of frames, on the device it said it is on."""

import base64
import hashlib
import io
import logging
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from service.errors import Reason, ServiceError
from service.files import NotRegular, read_file
from service.runtime.cpu_runs import CpuRuns
from service.runtime.cpus import available_cpus
from service.runtime.cuda_runs import CudaRuns
from service.runtime.device import CUDA, Device, open_session
from service.runtime.interface import ModelFault, ModelUnreadable, check_interface, read_card

OUT_OF_MEMORY: Final = (  # asked first: cuDNN and cuBLAS tell it in the words of any other failure
    "Failed to allocate memory",
    "bad_alloc",
    "out of memory",
    "ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "resource allocation failed",
)
FAULTS_OF_CUDA: Final = ("CUDA failure", "CUDA error", "CUDNN failure", "CUDNN_FE failure", "CUBLAS failure")
BATCH_PIXELS_CPU: Final = 2**20  # a pixel takes half a kilobyte while it runs
BATCH_PIXELS_CUDA: Final = 2**24

logger = logging.getLogger(__name__)


class DeviceLost(ModelFault):
    """The device answers no more; the process has to be started again."""


class Runtime:
    """One model file, loaded.

    Args:
        path: an ``.onnx`` file with a card.
        device: ``cuda`` refuses to run anywhere else; ``auto`` takes CUDA where it works and says which it took.
        threads: CPU threads of one inference; all that this process may use by default.

    Raises:
        ModelFault: no such file, or it cannot be read, not ONNX, no card or one of a newer format, or the device is not
            there.
    """

    def __init__(self, path: Path, device: Device = Device.AUTO, threads: int | None = None) -> None:
        content = _read(path)
        self.path = path
        self.sha256 = hashlib.sha256(content).hexdigest()
        threads = threads or available_cpus()
        session = open_session(path, content, device, threads)
        self.card = read_card(path, session)
        self.provider = str(session.get_providers()[0])
        names = check_interface(path, session)
        self._runs: CudaRuns | CpuRuns
        if self.provider == CUDA:  # pragma: cuda
            self.batch_pixels = BATCH_PIXELS_CUDA
            self._runs = CudaRuns(session, *names)
            self.needs_warm_up = True  # kernels are chosen and graphs captured
        else:
            single = open_session(path, content, Device.CPU, 1) if threads > 1 else session
            self.batch_pixels = BATCH_PIXELS_CPU
            self._runs = CpuRuns(session, single, threads, *names)
            self.needs_warm_up = False
        logger.info("model %s (%s) runs on %s", self.card.name, path.name, self.provider)

    def probabilities(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[N, 1, H, W]`` intensities 0..255, sides multiples of the stride -> ``[N, 1, H, W]`` in 0..1.

        Raises:
            ServiceError: ``out_of_memory``.
            DeviceLost: no run will succeed any more.
        """
        try:
            return self._runs.run(intensities)
        except Exception as error:  # ONNX Runtime has an exception type for every status code
            raise self._named(error, intensities.shape) from error

    def _named(self, error: Exception, shape: tuple[int, ...]) -> Exception:
        """A failed run as what it means to a caller; what is not known stays as it is."""
        text = str(error)
        if any(sign in text for sign in OUT_OF_MEMORY):
            detail = f"no memory for {shape[0]} frame(s) of {shape[3]}x{shape[2]} pixels"
            return ServiceError(Reason.OUT_OF_MEMORY, detail, retry_after_s=1)
        if any(sign in text for sign in FAULTS_OF_CUDA) and self._is_lost():
            return DeviceLost(text)
        return error

    def _is_lost(self) -> bool:
        """What is wrong with one shape leaves the device to the golden frame, which has run there before.

        A copy would prove less: after a capture that broke copies succeed, and no run does.
        """
        if not isinstance(self._runs, CudaRuns):  # a CPU has no CUDA that could be asked
            return True
        try:
            self._runs.run(self._golden_frame())
        except Exception:
            return True
        return False

    def _golden_frame(self) -> NDArray[np.float32]:
        return _decode_png(self.card.golden.frame).astype(np.float32)[None, None]

    def check_golden(self) -> None:
        """Run the card's own frame and compare with what PyTorch answered.

        Raises:
            ModelFault: by how much the answers differ.
        """
        golden = self.card.golden
        try:
            expected = _decode_png(golden.probabilities).astype(np.float32) / 65535
            answer = self.probabilities(self._golden_frame())[0, 0]
        except Exception as error:  # a damaged picture, or whatever the graph makes of its size
            raise ModelFault(f"{self.path} cannot answer its golden frame: {error}") from error
        difference = float(np.abs(answer - expected).max()) if answer.shape == expected.shape else np.inf
        if not difference <= golden.tolerance:  # NaN is a difference too
            raise ModelFault(
                f"{self.path} on {self.provider} answers its golden frame differently: by {difference:.2g}, "
                f"allowed are {golden.tolerance:.2g}"
            )


def _read(path: Path) -> bytes:
    try:
        return read_file(path)[0]
    except (FileNotFoundError, NotRegular) as error:
        raise ModelFault(f"no model file {path}") from error
    except OSError as error:
        raise ModelUnreadable(f"{path} cannot be read: {error.strerror}") from error


def _decode_png(encoded: str) -> NDArray[np.generic]:
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        return np.asarray(image)
