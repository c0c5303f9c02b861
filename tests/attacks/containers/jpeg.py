"""Hostile JPEG and JPEG-LS: sound segments around hostile frames, tables, scans and orders."""

import random
import struct

import imagecodecs
import numpy as np

from tests.attacks.containers.pieces import damaged, edge, mostly, noise, segment, side, some

FRAMES = (0xC0, 0xC1, 0xC2, 0xC2, 0xC3, 0xC9, 0xCA)
APPLICATIONS = (
    b"Exif\0\0II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08", b"ICC_PROFILE\0\1\1", b"Photoshop 3.0\x008BIM",
    b"FLIR\0\1\0\0FFF\0", b"MPF\0II*\0", b"JFIF\0\1\1", b"Adobe\0d", b"",
)  # fmt: skip


def build(rng: random.Random) -> bytes:
    """One JPEG: baseline, progressive, arithmetic or lossless."""
    kind = rng.choice(FRAMES)
    components = mostly(rng, 1, 1, 3, 3, 4)
    bits = mostly(rng, *((8, 12, 14, 16) if kind == 0xC3 else (8, 8, 8, 12)))
    frame = struct.pack(">BHHB", bits, side(rng), side(rng), components)
    frame += b"".join(bytes([index + 1, mostly(rng, 0x11, 0x11, 0x11, 0x22, 0x44, 0x41), 0])
                      for index in range(min(components, 8)))  # fmt: skip
    tables = [segment(0xDB, bytes([0]) + bytes(rng.choice((1, 1, 255, 0)) for _ in range(64)))]
    tables += [segment(0xC4, _huffman(rng, place)) for place in (0x00, 0x10, 0x01, 0x11)]
    if rng.random() < 0.3:
        tables.append(segment(0xDD, struct.pack(">H", edge(rng, 16))))
    others = [_application(rng) for _ in range(rng.choice((0, 0, 1, 3)))]
    scans = [_scan(rng, kind, min(components, 4)) for _ in range(rng.choice((1, 1, 2, 10, 64, 64)))]
    body = some(rng, [*others, *tables, segment(kind, frame, edge(rng, 16) if rng.random() < 0.03 else None), *scans])
    return b"\xff\xd8" + body + rng.choice((b"\xff\xd9", b"\xff\xd9", b""))


def _huffman(rng: random.Random, place: int) -> bytes:
    """A table of codes: a small sound one, or a random one."""
    if rng.random() < 0.8:
        symbols = rng.choice((b"\0\xe0", b"\0\1\2", b"\xe0\0", b"\xf0\0\1"))
        return bytes([place, 0, len(symbols), *bytes(14), *symbols])
    counts = [rng.choice((0, 0, 0, 1, 2, 255)) for _ in range(16)]
    return bytes([place, *counts]) + rng.randbytes(sum(counts) % 257)


def _scan(rng: random.Random, kind: int, components: int) -> bytes:
    few = rng.randint(1, max(1, components))
    named = b"".join(bytes([index + 1, rng.choice((0x00, 0x11))]) for index in range(few))
    if kind not in (0xC2, 0xCA):
        bounds = bytes((mostly(rng, 1, 2, 7), 0, 0)) if kind == 0xC3 else bytes((0, 63, 0))
    elif few == 1 and rng.random() < 0.8:
        bounds = bytes((mostly(rng, 1, 1, 1, 2, 60), mostly(rng, 63, 63, 62), mostly(rng, 0, 1, 0x10, 0x0D)))
    else:
        bounds = bytes((0, 0, mostly(rng, 0, 0x10, 1)))
    return segment(0xDA, bytes([few]) + named + bounds) + noise(rng, 600).replace(b"\xff", b"\xff\0")


def _application(rng: random.Random) -> bytes:
    content = rng.choice(APPLICATIONS) + noise(rng, 2_000)
    return segment(rng.choice((*range(0xE0, 0xF0), 0xFE)), content) * rng.choice((1, 1, 20, 300))


def build_ls(rng: random.Random) -> bytes:
    """One JPEG-LS: of sound segments, or of a sound file that is damaged or cut off."""
    if rng.random() < 0.5:
        return _damaged_ls(rng)
    components = rng.choice((1, 1, 1, 3, 4))
    bits = mostly(rng, 2, 8, 8, 12, 14, 16, 16)
    frame = struct.pack(">BHHB", bits, side(rng), side(rng), components)
    frame += b"".join(bytes([index + 1, 0x11, 0]) for index in range(components))
    pieces = [segment(0xF7, frame)]
    if rng.random() < 0.3:
        pieces.append(segment(0xF8, bytes([1]) + struct.pack(">5H", *_presets(rng, bits))))
    if rng.random() < 0.05:
        pieces.append(segment(0xF8, bytes([rng.choice((2, 3, 4))]) + noise(rng, 300)))
    if rng.random() < 0.1:
        pieces.append(segment(0xDD, edge(rng).to_bytes(4, "big")[rng.randrange(3) :]))
    if rng.random() < 0.2:
        pieces.append(segment(0xE8, b"mrfx" + bytes([edge(rng, 8)])))
    interleave = rng.choice((0, 0, 1, 2))
    few = 1 if interleave == 0 else components
    for first in range(0, components, few):
        named = b"".join(bytes([index + 1, 0]) for index in range(first, first + few))
        near = mostly(rng, 0, 0, 0, 1, 3)
        data = noise(rng, rng.choice((60, 600, 20_000)))
        data = data if rng.random() < 0.3 else data.replace(b"\xff", b"\xff\x7f")
        pieces.append(segment(0xDA, bytes([few]) + named + bytes([near, interleave, 0])) + data)
    return b"\xff\xd8" + some(rng, pieces) + rng.choice((b"\xff\xd9", b"\xff\xd9", b"\xff\xd9\0\0\0", b""))


def _presets(rng: random.Random, bits: int) -> tuple[int, ...]:
    """MAXVAL, T1, T2, T3 and RESET: in order and below MAXVAL, or any."""
    if rng.random() < 0.3:
        return tuple(edge(rng, 16) for _ in range(5))
    most = mostly(rng, 2 ** min(bits, 16) - 1, 1, 2, bits=16)
    return (most, *sorted(rng.randint(0, max(1, most)) for _ in range(3)), mostly(rng, 0, 3, 64, 255, bits=16))


def _damaged_ls(rng: random.Random) -> bytes:
    """A file as CharLS writes it, with some bytes changed; every second one is cut off."""
    bits, shape = rng.choice((8, 12, 16)), (rng.choice((1, 4, 9, 40)), rng.choice((1, 4, 16, 60)))
    pixels = np.frombuffer(rng.randbytes(2 * shape[0] * shape[1]), np.uint16).reshape(shape) >> (16 - bits)
    whole = bytes(
        imagecodecs.jpegls_encode(pixels.astype(np.uint8 if bits == 8 else np.uint16), level=rng.choice((0, 2)))
    )
    body = damaged(rng, whole)
    return body if rng.random() < 0.5 else body[: rng.randrange(60, max(61, len(body)))]
