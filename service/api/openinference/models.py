"""The two models that the protocol shows for each model file: the network ``NAME``, the detector ``NAME-detector``."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from intensity import FULL_SCALE, Range
from service.api.detect.query import DetectQuery
from service.api.openinference.request import bad, describe
from service.api.openinference.tensors import ANY, Spec
from service.api.openinference.wire import ModelMetadata
from service.detection.detector import Detection, Detector, Prepared
from service.detection.options import Options
from service.detection.windows import LONGEST, exact_window
from service.engine.work import Tensor
from service.errors import Reason, ServiceError
from service.frames import Frame, undecodable
from service.frames.frame import make_frame
from service.models.repository import Repository

SUFFIX: Final = "-detector"
MASK_LEVEL: Final = 255
OPTIONS: Final = (
    *("threshold", "min_confidence", "sensitivity", "false_alarms_per_mpx"),
    *("min_area", "max_targets", "range", "polarity"),
)
Values = Mapping[str, NDArray[np.generic]]


class Model(ABC):
    """One of the two models of a model file."""

    suffix: ClassVar[str] = ""
    platform: ClassVar[str]
    input: ClassVar[Spec]
    outputs: ClassVar[tuple[Spec, ...]]

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        self.name = detector.runtime.card.name + self.suffix
        self.version = detector.runtime.card.version

    def describe(self, versions: Sequence[str]) -> ModelMetadata:
        """The model's metadata, as the protocol defines them."""
        return ModelMetadata(
            name=self.name,
            versions=list(versions),
            platform=self.platform,
            inputs=[self.input.metadata],
            outputs=[spec.metadata for spec in self.outputs],
        )

    @abstractmethod
    def size_of(self, shape: Sequence[int]) -> tuple[int, int, int]:
        """Number of frames, height and width of an input.

        Raises:
            ServiceError: the model does not take this size.
        """

    @abstractmethod
    def options(self, parameters: Mapping[str, Any]) -> Options:
        """The options that the parameters of a request set.

        Raises:
            ServiceError: a parameter is unknown or has an invalid value.
        """

    @abstractmethod
    def prepare(self, values: NDArray[Any], options: Options) -> list[Prepared]:
        """Prepare the frames of an input.

        Raises:
            ServiceError: the model does not take these values.
        """

    @abstractmethod
    def conclude(
        self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]]
    ) -> tuple[Values, dict[str, bool] | None]:
        """Every output by name, and the parameters of the response."""


class Network(Model):
    """The network alone: intensities in, probabilities out."""

    platform = "onnxruntime_onnx"
    input = Spec("intensities", ("FP32",), (ANY, 1, ANY, ANY))
    outputs = (Spec("probabilities", ("FP32",), (ANY, 1, ANY, ANY)),)

    def size_of(self, shape: Sequence[int]) -> tuple[int, int, int]:
        frames, _, height, width = shape
        stride = self.detector.runtime.card.stride
        if height % stride or width % stride:
            raise bad(
                f"frames of {height}x{width}: sides must be multiples of {stride}; {self.name}{SUFFIX} takes any size"
            )
        if height * width > LONGEST**2:
            detail = (
                f"frames of {height}x{width} have more than {LONGEST**2} pixels; {self.name}{SUFFIX} takes large frames"
            )
            raise ServiceError(Reason.TOO_MANY_PIXELS, detail)
        return frames, height, width

    def options(self, parameters: Mapping[str, Any]) -> Options:
        if parameters:
            detail = f"{self.name} has no parameter {next(iter(parameters))[:64]!r}"
            raise bad(f"{detail}; {self.name}{SUFFIX} has: {', '.join(OPTIONS)}")
        return Options()

    def prepare(self, values: NDArray[Any], options: Options) -> list[Prepared]:
        if not (values.min() >= 0 and values.max() <= FULL_SCALE):  # both are false for NaN
            raise bad(f"intensities must be from 0 to {FULL_SCALE:.0f}; {self.name}{SUFFIX} takes counts of any range")
        span = Range(0, FULL_SCALE)
        windows = [exact_window(*values.shape[2:])]  # no padding: the network runs at the caller's size
        return [Prepared(Frame(one[0], one.dtype.name).info, windows, [one[None]], span) for one in values]

    def conclude(
        self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]]
    ) -> tuple[Values, dict[str, bool] | None]:
        return {"probabilities": np.stack(probabilities)[:, None]}, None


class WholeDetector(Model):
    """The whole detector: counts in, targets and masks out, as ``POST /v1/detect`` finds them."""

    suffix = SUFFIX
    platform = "rrcanet_onnx"
    input = Spec("frames", ("UINT16", "UINT8", "FP32"), (ANY, ANY, ANY))
    outputs = (Spec("targets", ("FP32",), (ANY, 10)), Spec("mask", ("UINT8",), (ANY, ANY, ANY)))

    def size_of(self, shape: Sequence[int]) -> tuple[int, int, int]:
        frames, height, width = shape
        return frames, height, width

    def options(self, parameters: Mapping[str, Any]) -> Options:
        for name in parameters:
            if name not in OPTIONS:
                raise bad(f"{self.name} has no parameter {name[:64]!r}; the parameters are: {', '.join(OPTIONS)}")
        try:
            options = DetectQuery.model_validate(parameters).options
        except ValidationError as error:
            raise bad(describe(error, DetectQuery)) from error
        self.detector.check(options)
        return options

    def prepare(self, values: NDArray[Any], options: Options) -> list[Prepared]:
        frames = (self.detector.prepare(_read_frame(index, counts), options) for index, counts in enumerate(values))
        return [replace(frame, counts=None) for frame in frames]  # the protocol's tensor has no column for signals

    def conclude(
        self, probabilities: Sequence[Tensor], detect: Callable[[], Sequence[Detection]]
    ) -> tuple[Values, dict[str, bool] | None]:
        detections = detect()
        rows = [row for index, detection in enumerate(detections) for row in _describe_targets(index, detection)]
        targets = np.array(rows, np.float32).reshape(-1, 10)
        mask = np.stack([detection.found.mask for detection in detections]) * np.uint8(MASK_LEVEL)
        truncated = any(detection.found.truncated for detection in detections)
        return {"targets": targets, "mask": mask}, {"truncated": True} if truncated else None


def find_model(repository: Repository, name: str, version: str | None = None, request_id: str | None = None) -> Model:
    """The model with this name. If a file is named like the detector of another file, the file is meant.

    Raises:
        ServiceError: ``unknown_model``; the detail lists the models.
    """
    for kind in (Network, WholeDetector):
        own = name.removesuffix(kind.suffix)
        if name == own + kind.suffix and own in _names(repository):
            return kind(repository.find(own if version is None else f"{own}@{version}", request_id))
    known = ", ".join(own + kind.suffix for own in _names(repository) for kind in (Network, WholeDetector))
    raise ServiceError(Reason.UNKNOWN_MODEL, f"there is no model {name[:64]!r}; the models are: {known}")


def versions_of(repository: Repository, model: Model) -> list[str]:
    """Every served version of a model."""
    cards = [detector.runtime.card for detector in repository]
    return [card.version for card in cards if card.name == model.detector.runtime.card.name]


def _names(repository: Repository) -> list[str]:
    return list(dict.fromkeys(detector.runtime.card.name for detector in repository))


def _read_frame(index: int, counts: NDArray[np.generic]) -> Frame:
    try:
        return make_frame(counts, counts.dtype.name, None)
    except ServiceError as fault:
        raise undecodable(f"frame {index}: {fault.detail}") from fault


def _describe_targets(index: int, detection: Detection) -> list[tuple[float, ...]]:
    """The columns that docs/reference/open-inference-protocol.md describes."""
    return [
        (index, one.confidence, *one.centroid, *one.bbox, one.area, one.peak.probability)
        for one in detection.found.targets
    ]
