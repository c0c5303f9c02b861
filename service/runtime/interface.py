"""Checks that a model file can be served: it needs a card, and one input and one output of frames."""

import json
from pathlib import Path
from typing import Any

import onnxruntime as ort

from service.runtime.card import FORMAT, METADATA_KEY, Card


class ModelFault(Exception):
    """A model file or a device that cannot be used; the message says why and what to do."""


class ModelUnreadable(ModelFault):
    """The file was not read, so what is in it is not known."""


def read_card(path: Path, session: ort.InferenceSession) -> Card:
    """Read the card in the metadata of a model file.

    Raises:
        ModelFault: the file has no card, its format is newer than this server, or it cannot be read.
    """
    try:
        text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelFault(
                f"{path} has no model card ({METADATA_KEY!r} in its metadata); make the file with rrcanet export"
            )
        fields: Any = json.loads(text)
        if isinstance(fields, dict) and isinstance(fields.get("format"), int) and fields["format"] > FORMAT:
            raise ModelFault(
                f"the model card of {path} has format {fields['format']}, but this server reads format {FORMAT}; "
                "update rrcanet-serve"
            )
        return Card.model_validate(fields)
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, not a card, or nested too deeply
        raise ModelFault(f"the model card of {path} cannot be read: {error}") from error


def check_interface(path: Path, session: ort.InferenceSession) -> tuple[str, str]:
    """The names of the model's input and output.

    Raises:
        ModelFault: there is not exactly one of each, or one is not a stack of frames.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    for what, tensors in (("input", inputs), ("output", outputs)):
        if len(tensors) != 1 or tensors[0].type != "tensor(float)" or not _is_frame_stack(tensors[0].shape):
            found = ", ".join(f"{t.name} {t.type} {t.shape}" for t in tensors)
            raise ModelFault(
                f"{path}: the {what} must be one float32 tensor [N, 1, H, W] with free N, H and W; it is {found}"
            )
    return inputs[0].name, outputs[0].name


def _is_frame_stack(shape: list[Any]) -> bool:
    return len(shape) == 4 and shape[1] == 1 and not any(isinstance(shape[axis], int) for axis in (0, 2, 3))
