"""Hostile JPEG 2000: sound markers around hostile sizes, tiles, layers, precincts and packets, in boxes or not."""

import random
import struct

from tests.attacks.containers.pieces import mostly, noise, segment, side, some


def build(rng: random.Random) -> bytes:
    """A codestream, or a file of boxes."""
    codestream = _codestream(rng)
    if rng.random() < 0.5:
        return codestream
    boxes = [
        _box(b"ftyp", b"jp2 \0\0\0\0jp2 "),
        _box(b"jp2h", _box(b"ihdr", struct.pack(">IIHBBBB", side(rng), side(rng), 1, 15, 7, 0, 0)) + noise(rng, 60)),
        *(_box(rng.choice((b"xml ", b"uuid", b"colr", b"asoc")), noise(rng, 3_000)) for _ in range(rng.choice((0, 2)))),
        _box(b"jp2c", codestream),
    ]
    return b"\0\0\0\x0cjP  \r\n\x87\n" + some(rng, boxes)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def _codestream(rng: random.Random) -> bytes:
    width, height, components = side(rng), side(rng), rng.choice((1, 1, 1, 3, 4))
    whole = rng.random() < 0.7
    tile = (width, height) if whole else (min(side(rng), width), min(side(rng), height))
    depth = mostly(rng, 7, 7, 13, 15, 15)
    size = struct.pack(">HIIIIIIIIH", 0, width, height, 0, 0, *tile, 0, 0, components)
    size += b"".join(bytes([depth, mostly(rng, 1), mostly(rng, 1)]) for _ in range(components))
    levels = mostly(rng, 0, 1, 5, 5, 32)
    layers = rng.choice((1, 1, 2, 100, 65_535))
    block = rng.choice(((4, 4), (4, 4), (4, 4), (0, 0), (3, 3), (8, 0)))
    style = rng.choice((0, 0, 1, 2, 4, 6))
    precincts = bytes(mostly(rng, 0x11, 0x88, 0xFF) for _ in range(min(levels, 33) + 1)) if style & 1 else b""
    progression, colours = mostly(rng, 0, 1, 2, 3, 4), int(components == 3 and rng.random() < 0.5)
    switches, transform = rng.choice((0, 0, 0x3F)), rng.choice((0, 1))
    code = (
        struct.pack(">BBHBBBBBB", style, progression, layers, colours, levels, *block, switches, transform) + precincts
    )
    quantised = bytes([0x40]) + bytes((72,) * min(3 * levels + 1, 97))
    others = [segment(rng.choice((0x53, 0x55, 0x57, 0x58, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x63, 0x64)), noise(rng, 200))
              for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 2)))]  # fmt: skip
    head = [segment(0x51, size), segment(0x52, code), segment(0x5C, quantised), *others]
    parts = []
    for index in range(rng.choice((1, 1, 1, 2, 8))):
        data = b"\xff\x93" + noise(rng, rng.choice((100, 2_000)))
        length = mostly(rng, 12 + len(data), 0, bits=32)
        parts.append(segment(0x90, struct.pack(">HIBB", mostly(rng, index, index, 0, bits=16), length, 0, 1)) + data)
    return b"\xff\x4f" + head[0] + some(rng, head[1:]) + some(rng, parts) + rng.choice((b"\xff\xd9", b""))
