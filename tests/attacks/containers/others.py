"""Hostile BMP, PGM, ``.npy`` and FITS: headers at the edges of what they can say."""

import math
import random
import struct

from tests.attacks.containers.pieces import edge, mostly, noise, side


def build_bmp(rng: random.Random) -> bytes:
    """One BMP of any header."""
    size = rng.choice((12, 40, 40, 40, 52, 56, 64, 108, 124, edge(rng)))
    width, height = side(rng), side(rng) if rng.random() < 0.8 else -side(rng)
    bits = mostly(rng, 1, 4, 8, 8, 16, 24, 32, bits=16)
    compression = mostly(rng, 0, 0, 0, 1, 2, 3, 4, bits=32)
    if size == 12:
        info = struct.pack("<IHHHH", size, width & 0xFFFF, height & 0xFFFF, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, edge(rng), 0, 0, edge(rng), 0)
        info += noise(rng, 90)[: max(0, min(size, 124) - 40)].ljust(max(0, min(size, 124) - 40), b"\0")
    colours = noise(rng, 1_100)
    start = rng.choice((14 + len(info) + len(colours), edge(rng)))
    pixels = rng.choice((noise(rng), bytes(min(width * abs(height) * 4, 2**22)), b"\0\2\0\0" * 10_000))
    return b"BM" + struct.pack("<IHHI", edge(rng), 0, 0, start) + info + colours + pixels


def build_pgm(rng: random.Random) -> bytes:
    """One PGM."""
    comment = rng.choice((b"", b"# text\n", b"#" + noise(rng, 5_000)))
    header = b"P5%s%s%d %d\n%d\n" % (rng.choice((b"\n", b" ", b"")), comment, side(rng), side(rng), edge(rng, 17))
    return header + (noise(rng) if rng.random() < 0.5 else bytes(rng.choice((4_096, 2**20, 2**23))))


def build_npy(rng: random.Random) -> bytes:
    """One array."""
    shape = tuple(side(rng) if rng.random() < 0.9 else edge(rng) for _ in range(rng.choice((0, 1, 2, 2, 3, 3, 4, 9))))
    kind = rng.choice(("<u2", ">u2", "|u1", "<f4", ">f8", "<i8", "<f2", "<u2", "<f4", "|O", "<c16", "[('a', '<u2')]"))
    described = f"'{kind}'" if kind[0] in "<>|" else kind
    header = f"{{'descr': {described}, 'fortran_order': {rng.choice((True, False))}, 'shape': {shape}, }}"
    header = rng.choice((*[header] * 9, "(" * 3_000, "{" + header, "9" * 5_000))
    text = header.encode().ljust(118 if len(header) < 118 else len(header)) + b"\n"
    version = rng.choice((*[b"\1\0"] * 5, b"\2\0", b"\3\0", b"\xff\xff"))
    length = struct.pack("<H" if version[0] == 1 else "<I", mostly(rng, len(text), bits=16))
    return (
        b"\x93NUMPY"
        + version
        + length
        + text
        + (noise(rng) if rng.random() < 0.3 else bytes(min(2**23, _size(shape, kind))))
    )


def _size(shape: tuple[int, ...], kind: str) -> int:
    """Bytes of an array."""
    return math.prod(shape) * (int(kind[2:]) if kind[0] in "<>|" and kind[2:].isdigit() else 1)


def build_fits(rng: random.Random) -> bytes:
    """One to three header and data units."""
    return b"".join(_unit(rng, is_first=index == 0) for index in range(rng.choice((1, 1, 2, 3))))


def _unit(rng: random.Random, is_first: bool) -> bytes:
    axes = rng.choice((0, 1, 2, 2, 2, 3, 999, edge(rng)))
    bits = rng.choice((8, 16, 16, 32, 64, -32, -64, edge(rng, 8)))
    sides = [side(rng) if rng.random() < 0.9 else edge(rng) for _ in range(min(axes, 4))]
    kind = (
        "SIMPLE  =                    T"
        if is_first
        else f"XTENSION= '{rng.choice(('IMAGE   ', 'BINTABLE', 'TABLE   '))}'"
    )
    cards = [kind, f"BITPIX  = {bits:20d}", f"NAXIS   = {axes:20d}"]
    cards += [f"NAXIS{number:<3d}= {value:20d}" for number, value in enumerate(sides, 1)]
    extras = [
        "BZERO   =                32768", "BSCALE  =                  0.0", "BSCALE  =               1E+400",
        "BLANK   =               -32768", f"PCOUNT  = {edge(rng):20d}", f"GCOUNT  = {edge(rng):20d}",
        "GROUPS  =                    T", "ZIMAGE  =                    T", "COMMENT " + "x" * 72, "CONTINUE  'a&'",
        "HIERARCH a b c = 'x'", "BZERO   = 'text'", "BLANK   =                  NaN", "EXTNAME = 'SCI'", "\0" * 80,
    ]  # fmt: skip
    cards += rng.sample(extras, rng.choice((0, 0, 1, 3)))
    if rng.random() < 0.1:
        rng.shuffle(cards)
    if rng.random() < 0.05:
        cards += ["COMMENT " + "y" * 72] * rng.choice((40, 40_000))
    if rng.random() < 0.95:
        cards.append("END")
    header = b"".join(card[:80].ljust(80).encode() for card in cards)
    header = header.ljust(-(-len(header) // 2_880) * 2_880)
    data = rng.choice((noise(rng), bytes(min(2**22, abs(bits) // 8 * sides[0] * sides[-1]) if sides else 0)))
    return header + data.ljust(-(-len(data) // 2_880) * 2_880, b"\0")
