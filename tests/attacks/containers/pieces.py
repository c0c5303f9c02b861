"""What hostile containers are made of: numbers at the edges of their types, and data that is more than it seems."""

import random
import struct
import zlib
from functools import lru_cache

EDGES = (0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 63, 64, 127, 255, 256, 1_000, 2_048, 4_095, 32_767, 32_768, 65_535, 65_536,
         2**20, 2**24, 2**31 - 1, 2**31, 2**32 - 1)  # fmt: skip
SIDES = (1, 2, 7, 8, 15, 16, 33, 64, 100, 256, 640, 2_000, 2_048)
BOMB_BYTES = 64 * 2**20


def edge(rng: random.Random, bits: int = 32) -> int:
    """A number that fits into so many bits, often at the edge of a type."""
    number: int = rng.choice(EDGES) if rng.random() < 0.7 else rng.getrandbits(bits)
    return number & ((1 << bits) - 1)


def mostly(rng: random.Random, *sound: int, bits: int = 8) -> int:
    """One of the sound numbers, or now and then a hostile one."""
    return rng.choice(sound) if rng.random() < 0.95 else edge(rng, bits)


def side(rng: random.Random) -> int:
    """Width or height: mostly one that is let in."""
    return rng.choice(SIDES) if rng.random() < 0.95 else edge(rng, 16)


def noise(rng: random.Random, most: int = 4_096) -> bytes:
    """Random bytes, zeros, or bytes of ones."""
    size = rng.randrange(most)
    return rng.choice((lambda: rng.randbytes(size), lambda: bytes(size), lambda: b"\xff" * size))()


@lru_cache(64)
def deflated_zeros(size: int) -> bytes:
    """Zeros, a thousandth of their size."""
    return zlib.compress(bytes(size), 1)


def deflated(rng: random.Random, size: int) -> bytes:
    """A zlib stream of about ``size`` bytes; or of far more, of noise, or cut off."""
    kind = rng.randrange(16)
    if kind == 0:
        return deflated_zeros(BOMB_BYTES)
    if kind == 1:
        return noise(rng)
    whole = deflated_zeros(size) if kind < 12 else zlib.compress(rng.randbytes(min(size, 4_096)) * 2, 1)
    return whole[: len(whole) // 2] if kind == 15 else whole


def damaged(rng: random.Random, body: bytes) -> bytes:
    """The body with some bytes changed, every second time."""
    if rng.random() < 0.5 or not body:
        return body
    changed = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        changed[rng.randrange(len(changed))] = edge(rng, 8)
    return bytes(changed)


def some(rng: random.Random, pieces: list[bytes]) -> bytes:
    """Pieces joined; now and then one is left out, doubled, or moved."""
    pieces = list(pieces)
    for _ in range(rng.choice((0, 0, 0, 0, 0, 0, 0, 1, 1, 3))):
        at = rng.randrange(len(pieces))
        kind = rng.randrange(3)
        if kind == 0 and len(pieces) > 1:
            del pieces[at]
        elif kind == 1:
            pieces.insert(rng.randrange(len(pieces) + 1), pieces[at])
        else:
            pieces.insert(rng.randrange(len(pieces)), pieces.pop(at))
    return b"".join(pieces)


def segment(kind: int, content: bytes, length: int | None = None) -> bytes:
    """A segment of a JPEG or of a JPEG 2000; ``length`` may lie."""
    size = len(content) + 2 if length is None else length
    return struct.pack(">BBH", 0xFF, kind, size & 0xFFFF) + content
