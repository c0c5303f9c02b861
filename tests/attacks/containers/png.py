"""Hostile PNG: sound chunks around hostile sizes, colour types, streams and orders."""

import random
import struct
import zlib

from tests.attacks.containers.pieces import deflated, deflated_zeros, edge, mostly, noise, side, some

KINDS = (
    b"iCCP", b"zTXt", b"iTXt", b"tEXt", b"eXIf", b"sPLT", b"tRNS", b"gAMA", b"cHRM", b"acTL", b"fdAT", b"PLTE", b"IHDR",
    b"sBIT", b"CgBI", b"\0\0\0\0",
)  # fmt: skip
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def chunk(rng: random.Random, kind: bytes, content: bytes) -> bytes:
    """A chunk; one in thirty has a wrong length or checksum."""
    length, checksum = len(content), zlib.crc32(kind + content)
    if rng.random() < 1 / 60:
        length, checksum = rng.choice(((edge(rng), checksum), (length, edge(rng))))
    return struct.pack(">I4s", length, kind) + content + struct.pack(">I", checksum)


def build(rng: random.Random) -> bytes:
    """One file."""
    width, height = side(rng), side(rng)
    colour = mostly(rng, 0, 0, 2, 3, 4, 6)
    bits = mostly(rng, *((1, 2, 4, 8) if colour == 3 else (8, 16) if colour else (1, 2, 4, 8, 16)))
    interlaced = rng.choice((0, 0, 1))
    rows = min(height * (1 + -(-width * bits * SAMPLES.get(colour, 1) // 8)), 2**25)
    stream = deflated(rng, rows)
    cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.choice((0, 0, 1, 3, 40))))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    palette = [chunk(rng, b"PLTE", bytes(3 * mostly(rng, 1, 2, 16, 256)))] if colour == 3 or rng.random() < 0.2 else []
    others = [_other(rng) for _ in range(rng.choice((0, 0, 1, 2, 5)))]
    body = [chunk(rng, b"IHDR", header), *palette, *others, *(chunk(rng, b"IDAT", piece) for piece in pieces)]
    return b"\x89PNG\r\n\x1a\n" + some(rng, body) + chunk(rng, b"IEND", b"")


def _other(rng: random.Random) -> bytes:
    kind = rng.choice(KINDS)
    bomb = b"name\0\0" + deflated_zeros(2**20)
    content = bomb if kind in (b"iCCP", b"zTXt", b"iTXt") else noise(rng)
    return chunk(rng, kind, content) * rng.choice((1, 1, 1, 100))
