"""The metadata of an ONNX file, without OpenVINO: a network that is stored needs nothing else of the file.

An ONNX file is a message of Protocol Buffers: fields with a number, and each with a type that says where it ends.
"""

from collections.abc import Iterator
from typing import Final

METADATA: Final = 14  # the field metadata_props of ModelProto, once for each entry
KEY, VALUE = 1, 2  # fields of an entry
VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5  # types


def read_metadata(content: bytes) -> dict[str, str]:
    """The entries by their names.

    Raises:
        ValueError: this is no such file.
    """
    entries = [dict(_fields(value)) for number, value in _fields(memoryview(content)) if number == METADATA]
    return {_text(entry, KEY): _text(entry, VALUE) for entry in entries}


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field that holds bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                _, at = _varint(message, at)
            case 1:
                at += 8
            case 5:
                at += 4
            case 2:
                length, begin = _varint(message, at)
                at = begin + length
                if at > len(message):
                    raise ValueError("a field is longer than its message")
                yield tag >> 3, message[begin:at]
            case other:
                raise ValueError(f"a field of the unknown type {other}")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, the lowest first; and where it ends."""
    number = shift = 0
    while at < len(message):
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise ValueError("a number is longer than its message")


def _text(entry: dict[int, memoryview], field: int) -> str:
    return str(entry.get(field, b""), "utf-8")
