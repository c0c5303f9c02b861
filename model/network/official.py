"""Converts state dicts of the authors' code (yongxianLiu/RRCANet) to the names of ``rrcanet.py``.

Both of their code bases are supported: ``RRCA-Net`` (3 channels, no prefix) and ``BasicIRSTD-RRCANet`` (1 channel,
prefix ``model.``). They store every shared convolution once per pass; the copies must be equal.

Provenance: key names as in the authors' checkpoints.
Licence: Apache-2.0.
"""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

PREFIX = "model."


class OfficialKeysError(ValueError):
    """The state dict is not one of the authors' RRCANet."""


def from_official(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], int]:
    """Rename the authors' tensors.

    Returns:
        The state dict for ``RRCANet``, and the number of input channels.

    Raises:
        OfficialKeysError: the authors' RRCANet has no such key, or the copies of a shared kernel differ.
    """
    ours: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = _translate(key.removeprefix(PREFIX))
        if name is None:
            raise OfficialKeysError(f"the authors' RRCANet has no key {key!r}")
        if name in ours and not torch.equal(ours[name], tensor):
            raise OfficialKeysError(f"{key!r}: the passes hold different copies of one shared convolution")
        ours[name] = tensor
    stem = ours.get("stem.conv1.weight")
    if stem is None or stem.ndim != 4:
        raise OfficialKeysError("no key 'conv0_0.0.conv1.weight'")
    return ours, stem.shape[1]


def _translate(key: str) -> str | None:
    for pattern, rule in _RULES:
        if match := pattern.fullmatch(key):
            return rule(match)
    return None


def _residual(block: str, part: str) -> str:
    return f"{block}.{part.replace('bn', 'norm')}"


def _encoder(match: re.Match[str]) -> str:
    """The authors' ``operator`` is a sequence of convolution, norm, ReLU, convolution, norm, ReLU, ..."""
    turn, level, index, leaf = match[1], match[2], int(match[3]), match[4]
    if index % 3 == 0:
        return f"encoders.{level}.convs.{index // 3}.{leaf}"
    return f"encoders.{level}.norms.{turn}.{index // 3}.{leaf}"


def _decoder(match: re.Match[str]) -> str:
    """The authors number decoders from the deepest level, ``RRCANet`` from full resolution."""
    names = {"pwconv1": "gate", "pwconv2": "narrow", "ca.fc1": "attention.squeeze", "ca.fc2": "attention.excite"}
    return f"decoders.{match[1]}.{2 - int(match[2])}.{names[match[3]]}.{match[4]}"


_RULES = (
    (re.compile(r"conv0_0\.0\.(.+)"), lambda m: _residual("stem", m[1])),
    (re.compile(r"post_transform_conv_block\.0\.(.+)"), lambda m: _residual("fuse", m[1])),
    (re.compile(r"final\.(weight|bias)"), lambda m: f"head.{m[1]}"),
    (re.compile(r"iteration(\d)_layer(\d)_encoder_convs\.operator\.(\d+)\.(\w+)"), _encoder),
    (
        re.compile(r"iteration(\d)_layer(\d)_encoder_convs\.shortcut\.(.+)"),
        lambda m: f"encoders.{m[2]}.shortcuts.{m[1]}.{m[3]}",
    ),
    (re.compile(r"iteration(\d)_layer([012])_decoders_SBAM\.(pwconv1|pwconv2|ca\.fc1|ca\.fc2)\.(\w+)"), _decoder),
)
