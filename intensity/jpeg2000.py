"""JPEG 2000 (ITU T.800) -> counts, decoded by OpenJPEG, which gets the codestream alone.

A few bytes can ask for gigabytes: OpenJPEG keeps something for every packet, precinct and code block that a header
names. So their number is counted first.
"""

import struct
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from intensity.codestreams import J2K_BOX, J2K_START, Codestream, read_codestream
from intensity.counts import Counts, StoredImage, UnreadableCountsError, decoded

MAGICS: Final = (J2K_BOX, J2K_START)
MAX_BOXES: Final = 256  # of a file
MAX_SEGMENTS: Final = 16_384  # of all headers
MAX_PRECINCTS: Final = 131_072  # of all tiles
MAX_PACKETS: Final = 262_144
MAX_BLOCKS: Final = 262_144
MAX_LEVELS: Final = 32
COD, COC, POC = 0x52, 0x53, 0x5F  # markers
START_OF_TILE, START_OF_DATA, END = 0x90, 0x93, 0xD9
OWN_PRECINCTS: Final = 1  # bit of the coding style
SIZE_AT, STEPS_AT = 8, 43  # of the sides in a codestream, and of the subsampling of its first component
WHOLE: Final = 15  # precincts of 2**15, if the header names none


class Coding(NamedTuple):
    """How a component is coded; ``precincts`` are the exponents of width and height, from the lowest resolution on."""

    levels: int
    block: tuple[int, int]
    precincts: tuple[tuple[int, int], ...]


def open_jpeg2000(body: bytes) -> StoredImage:
    """Read the header of a codestream, or of the first one of a file of boxes: gray, or luminance of colours.

    Raises:
        UnreadableCountsError: there is none, it is damaged, or decoding would be costly.
    """
    codestream, described = check_jpeg2000(body)
    return StoredImage(*described[:2], partial(_read, codestream, *described[:2]))


def check_jpeg2000(body: bytes) -> tuple[bytes, Codestream]:
    """The codestream of a file, and its size. Nothing is decoded.

    Raises:
        UnreadableCountsError: as ``open_jpeg2000``.
    """
    codestream = _codestream(body)
    described = read_codestream(codestream) if codestream else None
    if described is None:
        raise UnreadableCountsError("the JPEG 2000 file cannot be read: damaged or unusual header")
    try:
        _check_cost(codestream, described.samples)
    except (struct.error, IndexError):
        raise UnreadableCountsError("the JPEG 2000 data is truncated or damaged: a header is cut off") from None
    return codestream, described


def _read(codestream: bytes, width: int, height: int) -> Counts:
    import imagecodecs  # here, because most frames do not need it

    return decoded(imagecodecs.jpeg2k_decode, codestream, width, height, "JPEG 2000")


def _check_cost(codestream: bytes, components: int) -> None:
    """Refuse a codestream with too many precincts, packets or code blocks.

    They are counted as if every tile were whole, and every component coded in the costliest way that is named.
    """
    codings, passes = _codings(codestream)
    counted = [[_counted(codestream, component, coding) for coding in codings] for component in range(components)]
    precincts, blocks = (sum(max(one[which] for one in each) for each in counted) for which in (0, 1))
    packets = precincts * passes
    limits = (precincts, MAX_PRECINCTS, "precincts"), (packets, MAX_PACKETS, "packets"), (blocks, MAX_BLOCKS, "blocks")
    for number, most, what in limits:
        if number > most:
            raise UnreadableCountsError(f"the JPEG 2000 file has more than {most} {what}; encode it again")


def _codings(codestream: bytes) -> tuple[list[Coding], int]:
    """All ways in which components are coded, and how often each precinct is passed: in layers and progressions."""
    codings: list[Coding] = []
    layers = progressions = 1
    for kind, content, is_in_tile in _segments(codestream):
        if kind in (COD, COC, POC) and is_in_tile:
            raise UnreadableCountsError("the JPEG 2000 file has tiles that are coded differently; encode it again")
        if kind == COD:
            layers = max(layers, *struct.unpack_from(">H", content, 2))
            codings.append(_coding(content[0], content[5:]))
        elif kind == COC:
            codings.append(_coding(content[1], content[2:]))
        elif kind == POC:
            progressions += len(content) // 7
    if not codings:
        raise UnreadableCountsError("the JPEG 2000 data is damaged: it has no coding style")
    return codings, layers * progressions


def _segments(codestream: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Marker and content of each segment of the main header and of the headers of all tile parts.

    Raises:
        UnreadableCountsError: they do not follow each other up to the end of the codestream.
    """
    at, tile = 2, 0
    for _ in range(MAX_SEGMENTS):
        lead, kind = struct.unpack_from(">BB", codestream, at)
        if lead != 0xFF:
            break
        if kind == END:
            return
        if kind == START_OF_DATA:
            at = tile
            if at >= len(codestream):
                return  # the last tile part reaches to the end, which may lack its marker
            continue
        (length,) = struct.unpack_from(">H", codestream, at + 2)
        if kind == START_OF_TILE:
            (part,) = struct.unpack_from(">I", codestream, at + 6)
            tile = at + part if part else len(codestream)
            if tile > len(codestream) or 0 < part < length + 4:
                break
        yield kind, codestream[at + 4 : at + 2 + length], bool(tile)
        at += 2 + length
    raise UnreadableCountsError("the JPEG 2000 data is truncated or damaged: its parts do not follow each other")


def _coding(style: int, content: bytes) -> Coding:
    """The coding of a COD or COC, from the number of levels on."""
    levels, width, height = content[0], content[1] + 2, content[2] + 2
    if levels > MAX_LEVELS:
        raise UnreadableCountsError(f"the JPEG 2000 data is damaged: {levels} levels")
    named = [
        (content[5 + level] & 15, content[5 + level] >> 4)
        for level in range(levels + 1 if style & OWN_PRECINCTS else 0)
    ]
    return Coding(levels, (width, height), tuple(named) or ((WHOLE, WHOLE),) * (levels + 1))


def _counted(codestream: bytes, component: int, coding: Coding) -> tuple[int, int]:
    """Precincts and code blocks of a component in all tiles."""
    right, bottom, left, top, across, down, x, y = struct.unpack_from(">8I", codestream, SIZE_AT)
    tiles = -(-(right - x) // across) * -(-(bottom - y) // down)
    if struct.unpack_from(">BB", codestream, STEPS_AT + 3 * component) != (1, 1):
        raise UnreadableCountsError(
            "the JPEG 2000 file has colours of fewer pixels than the frame; save it as gray or RGB"
        )
    width, height = min(across, right - left), min(down, bottom - top)
    precincts = blocks = 0
    for level, (wide, high) in enumerate(coding.precincts):
        reduction = 1 << (coding.levels - level)
        columns, rows = -(-width // reduction), -(-height // reduction)
        precincts += _cells(columns, wide) * _cells(rows, high)
        blocks += _cells(columns, min(wide, coding.block[0])) * _cells(rows, min(high, coding.block[1]))
    return tiles * precincts, tiles * blocks


def _cells(side: int, exponent: int) -> int:
    return -(-side // (1 << exponent))


def _codestream(body: bytes) -> bytes:
    """The codestream alone, so that no other box reaches the decoder; empty if there is none."""
    if not body.startswith(J2K_BOX):
        return body
    at = 0
    for _ in range(MAX_BOXES):
        length, kind, start = int.from_bytes(body[at : at + 4], "big"), body[at + 4 : at + 8], at + 8
        if length == 1:
            length, start = int.from_bytes(body[at + 8 : at + 16], "big"), at + 16
        if kind == b"jp2c":
            return body[start : at + length] if length else body[start:]
        if length < 8:
            return b""
        at += length
    return b""
