"""Files that would take a thread for minutes: refused by a look at their parts, or read without the costly ones."""

import io
import struct
import time
import zlib

import httpx
import numpy as np
import pytest
from PIL import Image

from service.frames import Budget, Frame, decode
from service.simulation.scene import make_scene
from tests.support import frames
from tests.support import tiff_by_hand as by_hand

SCENE = make_scene(1, 64, 64).counts(8).astype(np.uint8)
WITHIN_S = 5.0  # on machines that are shared; each of these takes far longer where it is decoded
NOTHING_S = 0.25  # of CPU, for up to 24 MB
COLOURS = b"".join(bytes([level, level, level, 0]) for level in range(256))


def segment(kind: int, content: bytes) -> bytes:
    """One segment of a JPEG (ITU T.81, B.1.1.4)."""
    return bytes([0xFF, kind]) + struct.pack(">H", 2 + len(content)) + content


def table_of_codes(kind: int, *symbols: int) -> bytes:
    """A Huffman table whose codes have two bits each."""
    return segment(0xC4, bytes([kind, 0, len(symbols), *bytes(14), *symbols]))


def jpeg_of_scans(side: int, scans: int) -> bytes:
    """A progressive JPEG: a scan of its means, then ``scans`` that change nothing."""
    blocks = (-(-side // 8)) ** 2
    means = b"\0" * -(-blocks // 4)
    runs = b"\x3f\xff\x00" * -(-blocks // 32767)  # each ends 32,767 blocks; a zero follows FF
    return b"".join(
        [
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0"),
            table_of_codes(0x00, 0),
            table_of_codes(0x10, 0xE0, 0x00),
            segment(0xDA, b"\1\1\0\0\0\0") + means,
            *[segment(0xDA, b"\1\1\0\1\x3f\0") + runs] * scans,
            b"\xff\xd9",
        ]
    )


def png_with(chunks: bytes) -> bytes:
    """A PNG with chunks between its header and its pixels."""
    rows = b"".join(b"\0" + row.tobytes() for row in SCENE)
    return by_hand.png(64, 64, 8, 0, rows, between=chunks)


def png_of_chunks(chunks: int) -> bytes:
    """A PNG with chunks that say nothing."""
    return png_with(by_hand.chunk(b"teSt", b"") * chunks)


def bmp_of_runs(runs: int) -> bytes:
    """A BMP of run lengths of which most move the pen by nothing."""
    start = 54 + len(COLOURS)
    head = struct.pack("<IHHI", start, 0, 0, start)
    described = struct.pack("<IiiHHIIiiII", 40, 64, 64, 1, 8, 1, 0, 0, 0, 256, 0)
    rows = b"".join(b"".join(bytes([1, level]) for level in row) + b"\0\0" for row in SCENE[::-1].tolist())
    return b"BM" + head + described + COLOURS + b"\0\2\0\0" * runs + rows + b"\0\1"


JPEG = frames.jpeg(SCENE)
COSTLY = {
    "scans": (jpeg_of_scans(2048, 15_000), "the JPEG has more than 64 scans"),
    "segments": (JPEG[:2] + segment(0xEF, b"") * 500_000 + JPEG[2:], "the JPEG has more than 4096 segments"),
    "segments behind an end": (
        JPEG[:2] + b"\xff\xd9" + segment(0xEF, b"") * 500_000 + JPEG[2:],
        "it has no frame or no scan",
    ),
    "what has no length": (
        JPEG[:2] + (b"\xff\xf0\xff\xff" + segment(0xEF, b"") * 16_000) * 30 + JPEG[2:],
        "the JPEG has more than 4096 segments",
    ),
    "junk": (JPEG[:3] + b"\0" * 8_000_000, "the JPEG data is truncated or damaged: it has no frame or no scan"),
    "chunks": (png_of_chunks(400_000), "the PNG has more than 10000 chunks"),
    "runs": (bmp_of_runs(2_000_000), "the BMP is run-length encoded and larger than 1048576 bytes"),
}


def saved(form: str, **options: object) -> bytes:
    """A file as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(SCENE).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()


PROFILE = b"profile\0\0" + zlib.compress(bytes(2**20))
RATIONALS = b"Exif\0\0II*\0\x08\0\0\0\1\0\x9a\x82\5\0" + struct.pack("<III", 8_000, 26, 0) + bytes(64_000)
# what surrounds the pixels never reaches a decoder; each of these took 4 to 60 s
SURROUNDED = {
    "fill": JPEG[:2] + b"\xff" * 8_000_000 + JPEG[2:],
    "Exif": JPEG[:2] + segment(0xE1, b"Exif\0\0" + bytes(8_000)) * 3_000 + JPEG[2:],
    "Exif of rationals": JPEG[:2] + segment(0xE1, RATIONALS) * 370 + JPEG[2:],
    "8BIM": JPEG[:2] + segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_000) * 380 + JPEG[2:],
    "comments": JPEG[:2] + segment(0xFE, bytes(65_000)) * 370 + JPEG[2:],
    "colour profiles of a JPEG": JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0\1\xff" + bytes(65_000)) * 370 + JPEG[2:],
    "colour profiles of a PNG": png_with(by_hand.chunk(b"iCCP", PROFILE) * 9_000),
    "texts": png_with(by_hand.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(2**20))) * 9_000),
    "texts of a language": png_with(by_hand.chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(2**20))) * 9_000),
    "Exif of a PNG": png_with(by_hand.chunk(b"eXIf", RATIONALS[6:]) * 370),
    "suggested palettes": png_with(by_hand.chunk(b"sPLT", b"a\0\x08" + bytes(60_000)) * 400),
}


SOUND = {
    "64 scans": jpeg_of_scans(64, 63),
    "scans of an encoder": saved("JPEG", progressive=True),
    "profiles and raw counts": JPEG[:2] + segment(0xE1, b"\xff\xda" * 32_000) * 400 + JPEG[2:],
    "restarts": saved("JPEG", restart_marker_blocks=1),
    "some fill": JPEG[:2] + b"\xff" * 1_000 + JPEG[2:],
    "thousands of chunks": png_of_chunks(9_990),
    "run lengths": bmp_of_runs(1_000),
    "padding behind a JPEG": JPEG + bytes(1_000_000),
    "padding behind a PNG": frames.png(SCENE) + bytes(1_000_000),
}


@pytest.mark.parametrize(("body", "told"), COSTLY.values(), ids=COSTLY)
def test_what_would_take_minutes_is_refused_at_once(client: httpx.Client, body: bytes, told: str) -> None:
    began = time.monotonic()
    answer = client.post("/v1/detect?mask=none", content=body)
    assert time.monotonic() - began < WITHIN_S
    assert (answer.status_code, answer.json()["reason"]) == (422, "undecodable_frame")
    assert told in answer.json()["detail"]


@pytest.mark.parametrize("body", SOUND.values(), ids=SOUND)
def test_what_encoders_and_cameras_write_is_read(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/detect?mask=none", content=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["frames"][0]["width"] == 64


@pytest.mark.parametrize("body", SURROUNDED.values(), ids=SURROUNDED)
def test_what_surrounds_the_pixels_costs_nothing(body: bytes) -> None:
    plain = frames.jpeg(SCENE) if body.startswith(b"\xff\xd8") else frames.png(SCENE)
    (expected,) = decode(plain, None, Budget())
    began = time.thread_time()
    (found,) = decode(body, None, Budget())
    assert time.thread_time() - began < NOTHING_S
    assert isinstance(found, Frame)
    assert isinstance(expected, Frame)
    np.testing.assert_array_equal(found.counts, expected.counts)
