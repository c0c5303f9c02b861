"""One model file, loaded: probabilities of frames, on the device it said it is on."""

import base64
import hashlib
import logging
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from intensity.png import open_png
from service.errors import Reason, ServiceError
from service.files import NotRegular, read_file
from service.runtime.choice import REFERENCE, Device, Engine, EngineChoice, Precision, installed
from service.runtime.cpus import available_cpus
from service.runtime.interface import CPU, ModelFault, ModelUnreadable, Opened
from service.runtime.onnxruntime.driver import missing_for_cuda, warn_of_cpu

OUT_OF_MEMORY: Final = (  # asked first: cuDNN and cuBLAS tell it in the words of any other failure
    "Failed to allocate",
    "bad_alloc",
    "out of memory",
    "ALLOC_FAILED",
    "ALLOCATION_FAILED",
    "resource allocation failed",
    "can't alloc",  # OpenVINO
    "Resource temporarily unavailable",  # no memory for a thread
)
FAULTS_OF_CUDA: Final = ("CUDA failure", "CUDA error", "CUDNN failure", "CUDNN_FE failure", "CUBLAS failure")
BF16_TOLERANCE: Final = 0.1  # of a probability of the golden frame; the card says what the gate measured

logger = logging.getLogger(__name__)


class DeviceLost(ModelFault):
    """The device answers no more; the process has to be started again."""


class Runtime:
    """One model file, loaded.

    Args:
        path: an ``.onnx`` file with a card.
        device: ``cuda`` refuses to run anywhere else; ``auto`` takes CUDA where it works and says which it took.
        threads: CPU threads of one inference; all that this process may use by default.
        choice: the engine and its precision; ``load`` tries what ``auto`` allows.

    Raises:
        ModelFault: no such file, or it cannot be read, not ONNX, no card or one of a newer format, or the device is not
            there.
    """

    def __init__(
        self,
        path: Path,
        device: Device = Device.AUTO,
        threads: int | None = None,
        choice: EngineChoice = REFERENCE,
    ) -> None:
        content = _read(path)
        self.path = path
        self.sha256 = hashlib.sha256(content).hexdigest()
        opened = _open(path, content, device, threads or available_cpus(), choice)
        self.card, self._runs = opened.card, opened.runs
        self.engine, self.provider, self.precision = opened.engine, opened.provider, opened.precision
        self.batch_pixels, self.at_once, self.needs_warm_up = opened.batch_pixels, opened.at_once, opened.needs_warm_up
        self.settle = opened.settle
        named = (self.card.name, path.name, self.provider, self.engine, self.precision)
        logger.info("model %s (%s) runs on %s, engine %s, precision %s", *named)

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """SHA-256 of the file, provider, engine and precision, as metrics name them."""
        return self.sha256, self.provider, self.engine.value, self.precision

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
        if isinstance(error, MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
            detail = f"no memory for {shape[0]} frame(s) of {shape[3]}x{shape[2]} pixels"
            return ServiceError(Reason.OUT_OF_MEMORY, detail, retry_after_s=1)
        if any(sign in text for sign in FAULTS_OF_CUDA) and self._is_lost():
            return DeviceLost(text)
        return error

    def _is_lost(self) -> bool:
        """What is wrong with one shape leaves the device to the golden frame, which has run there before.

        A copy would prove less: after a capture that broke copies succeed, and no run does.
        """
        if self.provider == CPU:  # a CPU has no CUDA that could be asked
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
        if not difference <= self._tolerance:  # NaN is a difference too
            raise ModelFault(
                f"{self.path} on {self.provider} answers its golden frame differently: by {difference:.2g}, "
                f"allowed are {self._tolerance:.2g}"
            )

    @property
    def _tolerance(self) -> float:
        """Largest difference of a probability of the golden frame; bfloat16 has three digits only."""
        return BF16_TOLERANCE if self.precision == Precision.BF16 else self.card.golden.tolerance


def load_runtime(path: Path, device: Device, threads: int | None = None, choice: EngineChoice = REFERENCE) -> Runtime:
    """Load one file on the first engine that answers its golden frame, of those that ``choice`` allows.

    Raises:
        ModelFault: no engine can serve the file; the fault is that of the last engine.
    """
    faults: list[ModelFault] = []
    for candidate in choice.candidates(_device_for(device, choice)):
        try:
            runtime = Runtime(path, device, threads, candidate)
            runtime.check_golden()
        except ModelUnreadable:
            raise
        except ModelFault as fault:
            faults.append(fault)
        else:
            for reason in faults:
                logger.warning("engine %s runs %s, because: %s", runtime.engine, path.name, reason)
            return runtime
    raise faults[-1]


def _device_for(device: Device, choice: EngineChoice) -> Device:
    """The device of which the engine depends: with ``auto`` both ways, CUDA decides."""
    if device is not Device.AUTO or choice.engine is not Engine.AUTO or not installed():
        return device
    missing = missing_for_cuda()
    if missing:
        warn_of_cpu(missing)
    return Device.CPU if missing else Device.CUDA


def _open(path: Path, content: bytes, device: Device, threads: int, choice: EngineChoice) -> Opened:
    """An engine is imported when it is needed: each takes 20 MB and a fifth of a second."""
    if choice.engine is Engine.OPENVINO:
        from service.runtime.openvino.opening import open_model as open_with_openvino

        return open_with_openvino(path, content, threads, choice)
    from service.runtime.onnxruntime.opening import open_model

    return open_model(path, content, device, threads)


def _read(path: Path) -> bytes:
    try:
        return read_file(path)[0]
    except (FileNotFoundError, NotRegular) as error:
        raise ModelFault(f"no model file {path}") from error
    except OSError as error:
        raise ModelUnreadable(f"{path} cannot be read: {error.strerror}") from error


def _decode_png(encoded: str) -> NDArray[np.generic]:
    return open_png(base64.b64decode(encoded)).read().pixels
