"""Model files of a few nodes, whose answers are known without any training."""

import base64
import io
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from PIL import Image

from service.runtime.card import METADATA_KEY, Card, GoldenCheck

STRIDE = 8
FREE = ("N", 1, "H", "W")
OPSET, IR_VERSION = 18, 10
GOLDEN = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4


class Rule(Enum):
    """What a small model takes for the probability of a pixel."""

    BRIGHTNESS = "intensity / 255; sides that are no multiples of the stride fail, as in a real network"
    EVERYTHING = "1"
    GREEDY = "asks for 64 TiB on the way"
    HUNGRY = "as BRIGHTNESS for one frame with fewer than 64 rows; asks for more memory than there is for any other"
    ENDLESS = "as BRIGHTNESS for frames of the golden one's size; any other never ends"
    FRAGILE = "as BRIGHTNESS for frames of the golden one's size; any other fails with the words of a lost device"


def small_card(rule: Rule = Rule.BRIGHTNESS, **changes: Any) -> Card:
    """A card that fits a small model; its golden answer is right for ``BRIGHTNESS`` and ``EVERYTHING``."""
    expected = (
        GOLDEN.astype(np.uint16) * 257
        if rule in (Rule.BRIGHTNESS, Rule.HUNGRY, Rule.FRAGILE, Rule.ENDLESS)
        else np.full(GOLDEN.shape, 65535, np.uint16)
    )
    fields: dict[str, Any] = {
        "name": "small",
        "version": "1",
        "description": "a few nodes",
        "trained_on": (),
        "split": "none",
        "recipe": "none",
        "steps": 0,
        "seed": 0,
        "commit": "none",
        "parameters": 0,
        "in_channels": 1,
        "threshold": 0.5,
        "stride": STRIDE,
        "precision": "fp32",
        "opset": OPSET,
        "golden": GoldenCheck(frame=encode(GOLDEN), probabilities=encode(expected), tolerance=1e-3),
    }
    return Card(**fields | changes)


def write_small_model(path: Path, rule: Rule = Rule.BRIGHTNESS, **changes: Any) -> Path:
    """A model file with its card; ``changes`` are fields of the card."""
    return write_graph(path, build_graph(rule), small_card(rule, **changes).model_dump_json())


def write_graph(path: Path, model: onnx.ModelProto, card: str | None) -> Path:
    """A model file with any text for a card, or with none."""
    del model.metadata_props[:]
    if card is not None:
        model.metadata_props.add(key=METADATA_KEY, value=card)
    path.write_bytes(model.SerializeToString())
    return path


def read_card(path: Path) -> Card:
    """The card of any model file, without a session of ONNX Runtime."""
    model = onnx.load(path, load_external_data=False)
    (text,) = (entry.value for entry in model.metadata_props if entry.key == METADATA_KEY)
    return Card.model_validate_json(text)


def build_graph(
    rule: Rule = Rule.BRIGHTNESS, shape: Sequence[str | int] = FREE, kind: int = TensorProto.FLOAT
) -> onnx.ModelProto:
    """``intensities -> probabilities``, both of ``shape`` and ``kind``."""
    nodes, constants = NODES[rule](kind)
    ends = [helper.make_tensor_value_info(name, kind, shape) for name in ("intensities", "probabilities")]
    graph = helper.make_graph(nodes, "small", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)


def encode(pixels: NDArray[np.generic]) -> str:
    """A picture as cards carry it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


Nodes = tuple[list[onnx.NodeProto], list[onnx.TensorProto]]


def _brightness(kind: int) -> Nodes:
    nodes = [
        helper.make_node("SpaceToDepth", ["intensities"], ["blocks"], blocksize=STRIDE),
        helper.make_node("DepthToSpace", ["blocks"], ["same"], blocksize=STRIDE),
        helper.make_node("Div", ["same", "scale"], ["probabilities"]),
    ]
    return nodes, [helper.make_tensor("scale", kind, [], [255])]


def _everything(kind: int) -> Nodes:
    nodes = [
        helper.make_node("Mul", ["intensities", "zero"], ["nothing"]),
        helper.make_node("Add", ["nothing", "one"], ["probabilities"]),
    ]
    return nodes, [helper.make_tensor("zero", kind, [], [0]), helper.make_tensor("one", kind, [], [1])]


def _greedy(kind: int) -> Nodes:
    nodes = [
        helper.make_node("ReduceMax", ["intensities"], ["peak"], keepdims=0),
        helper.make_node("Expand", ["peak", "shape"], ["huge"]),
        helper.make_node("ReduceMax", ["huge"], ["same_peak"], keepdims=0),
        helper.make_node("Add", ["intensities", "same_peak"], ["probabilities"]),
    ]
    return nodes, [helper.make_tensor("shape", TensorProto.INT64, [2], [2**20, 2**24])]


def _hungry(kind: int) -> Nodes:
    nodes, constants = _brightness(kind)
    nodes[0].input[0] = "paid"
    bill = [  # 2^46 times the frames beyond one and the rows beyond 63
        helper.make_node("Shape", ["intensities"], ["frames"], start=0, end=1),
        helper.make_node("Shape", ["intensities"], ["rows"], start=2, end=3),
        helper.make_node("Div", ["rows", "many_rows"], ["many"]),
        helper.make_node("Add", ["frames", "many"], ["due"]),
        helper.make_node("Sub", ["due", "one"], ["over"]),
        helper.make_node("Mul", ["over", "price"], ["cost"]),
        helper.make_node("Add", ["cost", "one"], ["size"]),
        helper.make_node("Expand", ["zero", "size"], ["memory"]),
        helper.make_node("ReduceMax", ["memory"], ["nothing"], keepdims=0),
        helper.make_node("Add", ["intensities", "nothing"], ["paid"]),
    ]
    numbers = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("one", 1), ("many_rows", 64), ("price", 2**46))
    ]
    return [*bill, *nodes], [*constants, *numbers, helper.make_tensor("zero", kind, [], [0])]


def _fragile(kind: int) -> Nodes:
    nodes, constants = _brightness(kind)
    words = "CUDA failure 719: unspecified launch failure"  # ONNX Runtime's message tells the node's name
    nodes[0].input[0] = "checked"
    checks = [  # the size is computed, or shape inference would fix the output's
        helper.make_node("ReduceMin", ["intensities"], ["least"], keepdims=0),
        helper.make_node("Mul", ["least", "nothing"], ["zero"]),
        helper.make_node("Cast", ["zero"], ["whole_zero"], to=TensorProto.INT64),
        helper.make_node("Add", ["size", "whole_zero"], ["wanted"]),
        helper.make_node("Reshape", ["intensities", "wanted"], ["checked"], name=words),
    ]
    size = helper.make_tensor("size", TensorProto.INT64, [4], [1, 1, *GOLDEN.shape])
    return [*checks, *nodes], [*constants, size, helper.make_tensor("nothing", kind, [], [0])]


def _endless(kind: int) -> Nodes:
    nodes, constants = _brightness(kind)
    nodes[0].input[0] = "kept"
    body = helper.make_graph(
        [helper.make_node("Identity", ["go_on"], ["still"]), helper.make_node("Identity", ["before"], ["after"])],
        "round",
        [
            helper.make_tensor_value_info("round", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.INT64, []),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.INT64, []),
        ],
    )
    loop = [  # as many rounds as the frame has pixels beyond the golden one's, times 2^40
        helper.make_node("Size", ["intensities"], ["pixels"]),
        helper.make_node("Sub", ["pixels", "golden"], ["more"]),
        helper.make_node("Mul", ["more", "many"], ["rounds"]),
        helper.make_node("Loop", ["rounds", "true", "zero"], ["end"], body=body),
        helper.make_node("Cast", ["end"], ["nothing"], to=kind),
        helper.make_node("Add", ["intensities", "nothing"], ["kept"]),
    ]
    numbers = [
        helper.make_tensor(name, TensorProto.INT64, [], [value])
        for name, value in (("golden", GOLDEN.size), ("many", 2**40), ("zero", 0))
    ]
    return [*loop, *nodes], [*constants, *numbers, helper.make_tensor("true", TensorProto.BOOL, [], [True])]


NODES = {
    Rule.BRIGHTNESS: _brightness,
    Rule.EVERYTHING: _everything,
    Rule.GREEDY: _greedy,
    Rule.HUNGRY: _hungry,
    Rule.FRAGILE: _fragile,
    Rule.ENDLESS: _endless,
}
