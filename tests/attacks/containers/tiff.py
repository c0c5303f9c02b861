"""Hostile TIFF and BigTIFF: sound directories around hostile tags, counts, offsets, tables and compressed data."""

import lzma
import random
import struct
import zlib
from dataclasses import dataclass
from functools import cache, lru_cache

import imagecodecs
import numpy as np

from tests.attacks.containers import jpeg, jpeg2000
from tests.attacks.containers.pieces import BOMB_BYTES, damaged, deflated, edge, mostly, noise, side

KINDS = {1: "B", 2: "B", 3: "H", 4: "I", 5: "Q", 11: "I", 12: "Q", 16: "Q"}  # field type: format
COMPRESSIONS = (1, 1, 1, 5, 5, 7, 8, 8, 32773, 32946, 33003, 33005, 34712, 34887, 34925, 50000, 2, 3, 4)
OTHERS = (254, 255, 266, 270, 292, 320, 330, 347, 530, 700, 32997, 32998, 33550, 34675, 34665, 42113, 50674)
SMALL = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
Values = list[int] | bytes


@dataclass(frozen=True)
class Layout:
    """Byte order, and whether it is a BigTIFF."""

    order: str
    big: bool

    def pack(self, layout: str, *values: int) -> bytes:
        """Numbers in this byte order."""
        return struct.pack(self.order + layout, *values)

    @property
    def link(self) -> str:
        return "Q" if self.big else "I"


@cache
def bombs() -> dict[int, bytes]:
    """Much data in few bytes, by compression."""
    zeros = bytes(BOMB_BYTES)
    return {
        5: bytes(imagecodecs.lzw_encode(bytes(2**22))), 8: zlib.compress(zeros, 1), 32773: b"\x81\0" * 500_000,
        34925: lzma.compress(zeros, preset=0), 50000: bytes(imagecodecs.zstd_encode(zeros)),
    }  # fmt: skip


@lru_cache(128)
def _compressed(compression: int, size: int) -> bytes:
    """Zeros of a size that is a power of two, because compressing them takes long."""
    plain = bytes(size)
    return {
        5: lambda: bytes(imagecodecs.lzw_encode(plain)), 50000: lambda: bytes(imagecodecs.zstd_encode(plain)),
        34925: lambda: lzma.compress(plain, preset=0), 34887: lambda: bytes(imagecodecs.lerc_encode(SMALL)),
        32773: lambda: bytes(imagecodecs.packbits_encode(plain)),
    }.get(compression, lambda: plain)()  # fmt: skip


def _data(rng: random.Random, compression: int, size: int) -> bytes:
    """Data of one strip or tile of ``size`` bytes."""
    if rng.random() < 0.1 and compression in bombs():
        return bombs()[compression]
    if compression in (8, 32946):
        return deflated(rng, size)
    if compression == 7:
        return rng.choice((jpeg.build, jpeg.build_ls))(rng)
    if compression in (33003, 33005, 34712):
        return jpeg2000.build(rng)
    if compression in (2, 3, 4):
        return noise(rng)
    return damaged(rng, _compressed(compression, 1 << min(size.bit_length(), 20)))


def build(rng: random.Random) -> bytes:
    """One file of one to four pages."""
    layout = Layout(rng.choice("<>"), rng.random() < 0.3)
    body = b"II" if layout.order == "<" else b"MM"
    body += layout.pack("HHHQ", 43, 8, 0, 16) if layout.big else layout.pack("HI", 42, 8)
    pages = rng.choice((1, 1, 1, 2, 4))
    for page in range(pages):
        body += _page(rng, layout, len(body), is_last=page == pages - 1)
    return body


def _page(rng: random.Random, layout: Layout, at: int, is_last: bool) -> bytes:
    """Data, directory and the values of its tags; ``at`` is where they begin."""
    compression = mostly(rng, *COMPRESSIONS, bits=16)
    fields, size = _fields(rng, compression)
    counted, entry = ("Q", 20) if layout.big else ("H", 12)
    start = (
        at + struct.calcsize(layout.order + counted) + entry * len(fields) + struct.calcsize(layout.order + layout.link)
    )
    places: dict[int, tuple[int, int, bytes]] = {}
    values = b""
    data = _data(rng, compression, size)
    room = sum(8 * len(content) + 8 for content in fields.values())
    for tag, content in sorted(fields.items()):
        if tag in (273, 324):
            content = [mostly(rng, start + room, bits=32)] * len(content)
        if tag in (279, 325):
            content = [mostly(rng, len(data), bits=32)] * len(content)
        kind = 2 if isinstance(content, bytes) else 4
        packed = content if isinstance(content, bytes) else layout.pack(f"{len(content)}I", *content)
        kind, count = mostly(rng, kind, bits=16), mostly(rng, *[len(content)] * 9, bits=32)
        if len(packed) <= struct.calcsize(layout.order + layout.link):
            places[tag] = kind, count, packed.ljust(struct.calcsize(layout.order + layout.link), b"\0")
        else:
            places[tag] = kind, count, layout.pack(layout.link, mostly(rng, start + len(values), bits=32))
            values += packed
    values = values.ljust(room, b"\0")
    following = start + len(values) + len(data)
    entries = b"".join(
        layout.pack("HH" + layout.link, tag, kind, count) + packed for tag, (kind, count, packed) in places.items()
    )
    link = mostly(rng, 0 if is_last else following, bits=32)
    return layout.pack(counted, len(places)) + entries + layout.pack(layout.link, link) + values + data


def _fields(rng: random.Random, compression: int) -> tuple[dict[int, Values], int]:
    """Tags with their values, some of them hostile, and the bytes of a strip or tile."""
    width, height = side(rng), side(rng)
    colour = rng.random() < 0.2
    samples = mostly(rng, *((3, 4) if colour else (1, 1, 1, 2)), bits=16)
    bits = mostly(rng, *((8, 16) if colour else (1, 8, 12, 14, 16, 16, 32, 64)))
    photometric = mostly(rng, *((2, 6) if colour else (0, 1, 1, 1)))
    fields: dict[int, Values] = {
        256: [width], 257: [height], 258: [bits] * min(samples, 9), 259: [compression], 262: [photometric],
        277: [samples], 284: [mostly(rng, 1, 1, 1, 2)], 317: [mostly(rng, 1, 1, 2, 3)],
        339: [mostly(rng, 1, 1, 1, 2, 3)] * min(samples, 9),
    }  # fmt: skip
    if rng.random() < 0.3:
        across, down = mostly(rng, 16, 64, 256, 256, width, bits=32), mostly(rng, 16, 64, 256, 256, height, bits=32)
        number = -(-width // max(1, across)) * -(-height // max(1, down))
        fields |= {322: [across], 323: [down]}
        tables = (324, 325)
    else:
        across, down = width, mostly(rng, 1, 8, height, height, bits=32)
        number = -(-height // max(1, down))
        fields[278] = [down]
        tables = (273, 279)
    number = min(mostly(rng, *[max(1, number)] * 9, 100_000, bits=20), 100_000)
    fields |= {table: [0] * number for table in tables}
    for _ in range(rng.choice((0, 0, 1, 3))):
        fields[mostly(rng, *OTHERS, bits=16)] = rng.choice((
            [edge(rng)], [edge(rng)] * 800, noise(rng), b"-9999\0", b"ImageJ=1\nimages=%d\n" % edge(rng),
            b'{"shape": [%d, 64, 64]}' % edge(rng),
        ))  # fmt: skip
    if rng.random() < 0.05:
        del fields[rng.choice(list(fields))]
    return fields, min(-(-across * samples * bits // 8) * min(down, height), 2**24)
