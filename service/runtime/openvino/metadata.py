"""The metadata of an ONNX file, without OpenVINO: a network that is stored needs nothing else of the file.

An ONNX file is a message of Protocol Buffers: fields with a number, and each with a type that says where it ends.
"""

from collections.abc import Iterator
from typing import Final

METADATA: Final = 14  # the field metadata_props of ModelProto, once for each entry
KEY, VALUE = 1, 2  # fields of an entry
MOST_BITS: Final = 64  # of a number


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
            case 0:  # a number
                _, at = _varint(message, at)
            case 1:  # eight bytes
                at += 8
            case 5:  # four bytes
                at += 4
            case 2:  # bytes with their length
                length, begin = _varint(message, at)
                at = begin + length
                if at > len(message):
                    raise ValueError("a field is longer than its message")
                yield tag >> 3, message[begin:at]
            case other:
                raise ValueError(f"a field of the unknown type {other}")
        if at > len(message):
            raise ValueError("a field is longer than its message")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """A whole number in groups of seven bits, the lowest first; and where it ends."""
    number = shift = 0
    while at < len(message) and shift < MOST_BITS:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return number, at
    raise ValueError("a number that does not end")


def _text(entry: dict[int, memoryview], field: int) -> str:
    return str(entry.get(field, b""), "utf-8")
