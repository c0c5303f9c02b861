"""Opens a model file with OpenVINO on the CPU."""

from pathlib import Path
from typing import Final

import numpy as np

from service.runtime.card import Card
from service.runtime.choice import Engine, EngineChoice, Precision
from service.runtime.cpus import has_bf16
from service.runtime.interface import BATCH_PIXELS_CPU, OPENVINO, ModelFault, Opened, parse_card
from service.runtime.openvino.compiled import Compiled
from service.runtime.openvino.compiler import Compiler, open_store
from service.runtime.openvino.runs import STREAMS_FROM, OpenVinoRuns
from service.runtime.openvino.shapes import Shape, in_background, settle
from service.runtime.openvino.store import Store

CARD: Final = "card"  # its place among the stored networks
ALIKE: Final = {"f32": 1e-3, "bf16": 0.1}  # largest difference of a probability between two networks of one model


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
    store = None if choice.cache is None else open_store(choice.cache, content)
    card = _card(path, compiler, store)
    precision = precision_for(card, choice.precision)

    def compile_for(shape: Shape | None) -> Compiled:
        if shape is None:
            return compiler.compile(precision, store, None)
        return compiler.compile(precision, store, (shape.height, shape.width), shape.streams)

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


def _card(path: Path, compiler: Compiler, store: Store | None) -> Card:
    """The card of the file. Its text is kept, so that the next start need not read the model for it."""
    kept = None if store is None else store.find(CARD)
    text = compiler.card_text if kept is None else kept.decode()
    card = parse_card(path, text)
    if store is not None and kept is None and text is not None:
        in_background(lambda: store.keep(CARD, text.encode()))
    return card


def precision_for(card: Card, asked: Precision) -> Precision:
    """The precision of a model: ``auto`` is bf16 if the CPU has it and the card says that the gate was passed."""
    if asked is not Precision.AUTO:
        return asked
    passed = card.bf16 is not None and card.bf16.passed
    return Precision.BF16 if passed and has_bf16() else Precision.F32
