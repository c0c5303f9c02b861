"""Opens a model file with OpenVINO on the CPU."""

import logging
import os
from pathlib import Path
from typing import Final

import numpy as np

from service.runtime.card import Card
from service.runtime.choice import Engine, EngineChoice, Precision
from service.runtime.cpus import has_bf16
from service.runtime.interface import BATCH_PIXELS_CPU, OPENVINO, ModelFault, Opened, check_interface, parse_card
from service.runtime.openvino.compiled import Compiled
from service.runtime.openvino.compiler import Compiler
from service.runtime.openvino.runs import STREAMS_FROM, OpenVinoRuns
from service.runtime.openvino.shapes import Shape, settle

ALIKE: Final = {"f32": 1e-3, "bf16": 0.1}  # largest difference of a probability between two networks of one model
STORED: Final = 64  # compiled networks that the cache keeps; each takes 3 MB

logger = logging.getLogger(__name__)


def open_model(path: Path, content: bytes, threads: int, choice: EngineChoice) -> Opened:
    """Open the file.

    Args:
        path: of the file, for messages.
        content: of the file.
        threads: of one run.
        choice: its precision and its cache count.

    Raises:
        ModelFault: the file cannot be served.
    """
    compiler = Compiler(path, content, threads)
    card = parse_card(path, compiler.card_text)
    check_interface(path, compiler.inputs, compiler.outputs)
    precision = precision_for(card, choice.precision)
    cache = None if choice.cache is None else _folder(choice.cache / f"{precision}-{threads}")

    def compile_for(shape: Shape | None) -> Compiled:
        if shape is None:
            return compiler.compile(precision, cache, None)
        return compiler.compile(precision, cache, (shape.height, shape.width), shape.streams)

    def check(one: Compiled, other: Compiled, shape: Shape) -> None:
        frame = np.random.default_rng(0).uniform(0, 255, (1, 1, shape.height, shape.width)).astype(np.float32)
        difference = float(np.abs(one.run(frame) - other.run(frame)).max())
        if not difference <= ALIKE[precision]:
            raise ModelFault(f"it answers otherwise, by {difference:.2g}")

    try:
        runs = OpenVinoRuns(compile_for, threads, check)
    except RuntimeError as error:
        raise ModelFault(f"OpenVINO cannot compile {path}: {error}") from error
    at_once = threads if threads >= STREAMS_FROM else 1
    return Opened(runs, card, Engine.OPENVINO, OPENVINO, precision, BATCH_PIXELS_CPU, at_once, settle=settle)


def precision_for(card: Card, asked: Precision) -> Precision:
    """The precision of a model: ``auto`` is bf16 if the CPU has it and the card says that the gate was passed."""
    if asked is not Precision.AUTO:
        return asked
    passed = card.bf16 is not None and card.bf16.passed
    return Precision.BF16 if passed and has_bf16() else Precision.F32


def _folder(cache: Path) -> Path | None:
    """The folder, with place for new files; None if it cannot be written."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not os.access(cache, os.W_OK):
            raise PermissionError("it is read-only")
        stored = sorted(cache.glob("*.blob"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in stored[STORED:]:
            old.unlink(missing_ok=True)
    except OSError as fault:
        logger.warning("ENGINE_CACHE is not used, so each start compiles: %s: %s", cache, fault)
        return None
    return cache
