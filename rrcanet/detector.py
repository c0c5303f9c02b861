"""Detection in this process, with the same answers as a server. It needs the extra ``cpu`` or ``gpu``."""

import time
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Self, Unpack
from urllib.parse import urlencode

from rrcanet.detections import Detections
from rrcanet.errors import MissingExtra, ModelError, Refusal, refusal
from rrcanet.frames import Frames, Item, read_items, suffixes_for
from rrcanet.http.answers import failed, read_frame
from rrcanet.http.exchanges import OF_A_FRAME, raise_if_all_failed
from rrcanet.options import Options, encode

if TYPE_CHECKING:
    from service.api.detect.query import DetectQuery
    from service.detection.detector import Prepared
    from service.errors import ServiceError

OWN: Final = ("model", "timeout_ms")  # options of a request that a loaded model cannot follow
MOST_FRAMES, MOST_PIXELS = 100_000, 2**30  # of one file, against files that would fill the memory


class Detector:
    """A model that runs in this process. Several threads may share it.

    Args:
        model: a model file, or the name of a model that ships: ``rrcanet``, ``nuaa-sirst``, ``irstd-1k``,
            ``densesirst``; by default ``rrcanet``.
        device: ``auto`` takes CUDA if it is available.
        engine: library that runs the model on a CPU; by default RRCANET_ENGINE, or ``auto``, as for a server.
        precision: of the arithmetic on a CPU; by default RRCANET_PRECISION, or ``auto``.

    Raises:
        MissingExtra: the extra ``cpu`` or ``gpu`` is not installed.
        ModelError: the file, the device or the engine cannot be used.
    """

    def __init__(
        self,
        model: str | PathLike[str] | None = None,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        engine: Literal["auto", "onnxruntime", "openvino"] | None = None,
        precision: Literal["auto", "f32", "bf16"] | None = None,
    ) -> None:
        try:
            self._load(model, device, engine, precision)
        except ModuleNotFoundError as missing:
            raise _missing(missing) from missing

    def _load(self, model: str | PathLike[str] | None, device: str, engine: str | None, precision: str | None) -> None:
        from service.detection.description import describe_model
        from service.models.repository import load_detector
        from service.runtime import Device, ModelFault
        from service.settings import SettingsFault, load_engine_choice

        try:
            choice = load_engine_choice(Device(device), engine, precision)
            self._detector = load_detector(_file_of(model), Device(device), choice=choice)
        except (ModelFault, SettingsFault) as fault:
            raise ModelError(str(fault)) from fault
        self._model = describe_model(self._detector)

    def detect(self, frames: Frames, **options: Unpack[Options]) -> list[Detections]:
        """As ``Client.detect``; the options ``model`` and ``timeout_ms`` are for servers alone."""
        found = list(self.each(frames, **options))
        raise_if_all_failed(found)
        return found

    def each(self, frames: Frames, **options: Unpack[Options]) -> Iterator[Detections]:
        """As ``Client.each``."""
        given = encode(options)
        query = self._query(given)
        count = 0
        for item in read_items(frames, suffixes_for(given)):
            for found in self._detect(item, query):
                yield found.at(count)
                count += 1

    def lines(self, frames: Frames, **options: Unpack[Options]) -> Iterator[Detections]:
        """As ``each``, where no frame waits for another one either."""
        return self.each(frames, **options)

    def close(self) -> None:
        """Nothing; so that a program can use a client in its place."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _query(self, given: Mapping[str, str]) -> "DetectQuery":
        from service.api.detect.query import parse_query
        from service.errors import ServiceError

        own = sorted(set(given) & set(OWN))
        if own:
            raise TypeError(f"{' and '.join(own)} is an option of a server; give the model to Detector(...)")
        try:
            query = parse_query(urlencode(given).encode())
            self._detector.check(query.options)
        except ServiceError as fault:
            raise _refusal(fault) from fault
        return query

    def _detect(self, item: Item, query: "DetectQuery") -> Iterator[Detections]:
        """The detections of every frame of a file."""
        from service.api.detect.work import Bad, Part, read_entries
        from service.engine.work import Plan
        from service.errors import ServiceError
        from service.frames import RAW_TYPE, Budget

        watch = Stopwatch.start()
        plan = Plan(self._detector, query.options, float("inf"))
        part = Part(item.content, RAW_TYPE, None, query.raw)
        try:
            entries = read_entries([part], plan, Budget(MOST_FRAMES, MOST_PIXELS), query.reading, query.raw)
        except ServiceError as fault:
            error = _refusal(fault)
            if not isinstance(error, OF_A_FRAME):
                raise error from fault
            yield failed(item, error)
            return
        decoded = watch.milliseconds()
        for entry in entries:
            if isinstance(entry, Bad):
                yield failed(item, _refusal(entry.fault))
            else:
                yield self._finish(entry, item, query, decoded)

    def _finish(self, prepared: "Prepared", item: Item, query: "DetectQuery", decoded: float) -> Detections:
        from service.detection.description import MaskEncoding, describe_detection, describe_preview

        watch = Stopwatch.start()
        probabilities = self._detector.infer(prepared)
        inferred = watch.milliseconds()
        detection = self._detector.finish(prepared, probabilities, query.options)
        entry = describe_detection(0, detection, MaskEncoding(query.mask))
        if query.preview != "none":
            entry["preview"] = describe_preview(prepared)
        total = watch.milliseconds()
        stages = {"decode": decoded, "queue": 0.0, "inference": inferred, "postprocess": total - inferred}
        timing = {**stages, "total": decoded + total}
        return read_frame(entry, "frame", item, {"model": self._model, "timing_ms": timing})


class Stopwatch(NamedTuple):
    """Milliseconds since a moment."""

    began: float

    @classmethod
    def start(cls) -> Self:
        return cls(time.perf_counter())

    def milliseconds(self) -> float:
        return round(1e3 * (time.perf_counter() - self.began), 3)


def _file_of(model: str | PathLike[str] | None) -> Path:
    """The file, or the one of a name that ships."""
    from service.pretrained import DEFAULT, SHIPPED

    if model is None:
        return DEFAULT
    shipped = {file.stem: file for file in SHIPPED.rglob("*.onnx")}
    return shipped.get(str(model), Path(model))


def _missing(error: ModuleNotFoundError) -> MissingExtra:
    from service.extras import how_to_install

    return MissingExtra(
        f"Detector needs {error.name}, which is not installed; install it with\n{how_to_install('cpu')}\n"
        "or, for an NVIDIA GPU, with the extra gpu in place of cpu"
    )


def _refusal(fault: "ServiceError") -> Refusal:
    return refusal(fault.reason.value, fault.reason.status.value, fault.detail)
