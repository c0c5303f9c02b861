"""JPEG-LS, lossless and 12-bit JPEG, JPEG 2000, PGM, and the raw counts of radiometric JPEG."""

import io
import struct
import time
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, Reading, decode
from service.frames.decode import RAW_COUNTS_UNREAD
from service.simulation.scene import make_scene
from tests.support import frames as files

DEEP: NDArray[np.uint16] = make_scene(3, 48, 64).counts(14).astype(np.uint16)
EIGHT: NDArray[np.uint8] = (DEEP >> 6).astype(np.uint8)
LOSSLESS = {
    "jpeg-ls 14": (bytes(imagecodecs.jpegls_encode(DEEP)), DEEP),
    "jpeg-ls 8": (bytes(imagecodecs.jpegls_encode(EIGHT)), EIGHT),
    "lossless jpeg 14": (bytes(imagecodecs.jpeg_encode(DEEP, lossless=True, bitspersample=14)), DEEP),
    "lossless jpeg 16": (bytes(imagecodecs.jpeg_encode(DEEP * 4, lossless=True, bitspersample=16)), DEEP * 4),
    "lossless jpeg 8": (bytes(imagecodecs.jpeg_encode(EIGHT, lossless=True)), EIGHT),
    "jp2": (bytes(imagecodecs.jpeg2k_encode(DEEP, level=0, reversible=True)), DEEP),
    "j2k": (bytes(imagecodecs.jpeg2k_encode(DEEP, level=0, reversible=True, codecformat="j2k")), DEEP),
    "pgm 16": (b"P5\n# a camera\n64 48\n65535\n" + DEEP.astype(">u2").tobytes(), DEEP),
    "pgm 8": (b"P5 64 48 255 " + EIGHT.tobytes(), EIGHT),
    "pgm 14": (b"P5\n64\n48 # width before\n16383\n" + DEEP.astype(">u2").tobytes(), DEEP),
}


def fate(body: bytes, **limits: int) -> ServiceError | Frame:
    try:
        (one,) = decode(body, None, Budget(**limits))
    except ServiceError as fault:
        return fault
    return one


@pytest.mark.parametrize(("body", "counts"), LOSSLESS.values(), ids=LOSSLESS)
def test_every_count_arrives(body: bytes, counts: NDArray[np.generic]) -> None:
    frame = fate(body)
    assert isinstance(frame, Frame), frame
    np.testing.assert_array_equal(frame.counts, counts)
    assert frame.dtype == counts.dtype.name


def test_a_jpeg_of_12_bits_arrives_within_its_own_loss() -> None:
    frame = fate(bytes(imagecodecs.jpeg_encode(DEEP >> 2, level=100, bitspersample=12)))
    assert isinstance(frame, Frame)
    np.testing.assert_allclose(frame.counts.astype(np.float64), DEEP >> 2, atol=4)


@pytest.mark.parametrize("body", [body for body, _ in LOSSLESS.values()], ids=LOSSLESS)
def test_a_cut_file_is_a_fault_or_a_frame_and_nothing_else(body: bytes) -> None:
    for share in (0.02, 0.1, 0.5, 0.9):
        found = fate(body[: int(share * len(body))])
        assert isinstance(found, Frame) or found.reason in (Reason.UNDECODABLE_FRAME, Reason.UNSUPPORTED_MEDIA_TYPE)


@pytest.mark.parametrize("name", [name for name in LOSSLESS if "pgm" not in name])
@pytest.mark.parametrize("side", [5_000, 60_000])
def test_a_header_naming_huge_dimensions_is_refused_before_decoding(name: str, side: int) -> None:
    body = bytearray(LOSSLESS[name][0])
    if name in ("jp2", "j2k"):
        struct.pack_into(">II", body, body.index(b"\xff\x4f\xff\x51") + 8, side, side)
    else:
        start = next(at for at in range(len(body)) if body[at] == 0xFF and body[at + 1] in (0xC3, 0xF7))
        struct.pack_into(">HH", body, start + 5, side, side)
    found = fate(bytes(body))
    assert isinstance(found, ServiceError)
    assert found.reason in (Reason.TOO_MANY_PIXELS, Reason.UNDECODABLE_FRAME)
    assert name not in ("jp2", "j2k") or found.reason is Reason.TOO_MANY_PIXELS or "damaged" in found.detail


@pytest.mark.parametrize(
    "body",
    [b"P5", b"P5 64", b"P5 64 48 0 " + bytes(9_000), b"P5 64 48 70000 ", b"P5 0 48 255 ", b"P5" + b" " * 4_000_000,
     b"P5 #" + b"x" * 4_000_000, b"P5 64 48 255 " + bytes(10)],
)  # fmt: skip
def test_a_pgm_without_a_sound_header_is_undecodable(body: bytes) -> None:
    found = fate(body)
    assert isinstance(found, ServiceError)
    assert found.reason is Reason.UNDECODABLE_FRAME


def test_a_pgm_of_many_pixels_is_refused() -> None:
    found = fate(b"P5 60000 60000 255 " + bytes(10))
    assert isinstance(found, ServiceError)
    assert found.reason is Reason.TOO_MANY_PIXELS


def radiometric(record: bytes, parts: int = 1, order: str = ">", camera: bytes = b"") -> bytes:
    """A JPEG with a file of FLIR in APP1 segments, of which one record holds raw counts, and one is of the camera."""
    entry = struct.Struct(f"{order}HHIIIII8x")
    index = entry.pack(32, 0, 100, 1, 64 + 2 * entry.size, len(camera), 0)
    index += entry.pack(1, 0, 100, 1, 64 + 2 * entry.size + len(camera), len(record), 0)
    if not camera:
        index = bytes(entry.size) + index[entry.size :]
    head = b"FFF\0" + bytes(16) + struct.pack(f"{order}III", 101, 64, 2)
    fff = head.ljust(64, b"\0") + index + camera + record
    size = -(-len(fff) // parts)
    segments = b""
    for part in range(parts):
        content = b"FLIR\0\1" + bytes([part, parts - 1]) + fff[part * size : (part + 1) * size]
        segments += b"\xff\xe1" + struct.pack(">H", 2 + len(content)) + content
    picture = files.jpeg(EIGHT)
    return picture[:2] + segments + picture[2:]


HEAD_LE = struct.pack("<HHH", 2, 64, 48).ljust(32, b"\0")
HEAD_BE = struct.pack(">HHH", 2, 64, 48).ljust(32, b"\0")
RECORDS = {
    "rows, low byte first": HEAD_LE + DEEP.astype("<u2").tobytes(),
    "rows, high byte first": HEAD_BE + DEEP.astype(">u2").tobytes(),
    "png": HEAD_LE + files.png(DEEP.byteswap()),
    "tiff": HEAD_LE + files.tiff(DEEP),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("order", ["<", ">"])
def test_raw_counts_of_flir_are_read_on_request(record: bytes, parts: int, order: str) -> None:
    body = radiometric(record, parts, order)
    (frame,) = decode(body, None, Budget(), reading=Reading(radiometric=True))
    assert isinstance(frame, Frame), frame
    np.testing.assert_array_equal(frame.counts, DEEP)
    (picture,) = decode(body, None, Budget())
    assert isinstance(picture, Frame)
    assert (picture.dtype, picture.warnings) == ("uint8", (RAW_COUNTS_UNREAD,))


@pytest.mark.parametrize("cut", [1, 70, 1_000, 5_000])
def test_raw_counts_that_are_damaged_are_refused(cut: int) -> None:
    for record in RECORDS.values():
        body = radiometric(record[: -min(cut, len(record))])
        try:
            found = decode(body, None, Budget(), reading=Reading(radiometric=True))
        except ServiceError as fault:
            found = [fault]
        assert all(isinstance(one, ServiceError) for one in found) or cut == 1


def test_a_jpeg_without_raw_counts_says_so() -> None:
    with pytest.raises(ServiceError, match="carries no raw counts"):
        decode(files.jpeg(EIGHT), None, Budget(), reading=Reading(radiometric=True))


def test_raw_counts_are_bounded_by_the_budget() -> None:
    huge = struct.pack("<HHH", 2, 60_000, 60_000).ljust(32, b"\0") + files.png(np.zeros((2_100, 2_100), np.uint16))
    with pytest.raises(ServiceError) as caught:
        decode(radiometric(huge), None, Budget(), reading=Reading(radiometric=True))
    assert caught.value.reason is Reason.TOO_MANY_PIXELS


def test_other_boxes_of_a_jp2_do_not_reach_the_decoder() -> None:
    body = LOSSLESS["jp2"][0]
    fake = b"\xff\x4f\xff\x51" + bytes(4) + struct.pack(">8IH", 8, 8, 0, 0, 8, 8, 0, 0, 1) + bytes(4)
    box = struct.pack(">I", 8 + len(fake)) + b"xml " + fake
    frame = fate(body[:12] + box + body[12:])
    assert isinstance(frame, Frame), frame
    np.testing.assert_array_equal(frame.counts, DEEP)


@pytest.mark.parametrize(
    "options", [{}, {"resolutions": 1}, {"resolutions": 3}, {"codecformat": "j2k"}, {"mct": False}]
)
def test_jpeg_2000_of_every_kind_is_read(options: dict[str, Any]) -> None:
    frame = fate(bytes(imagecodecs.jpeg2k_encode(DEEP, **({"level": 0, "reversible": True} | options))))
    assert isinstance(frame, Frame), frame
    np.testing.assert_array_equal(frame.counts, DEEP)


def test_a_jpeg_2000_that_asks_for_gigabytes_is_refused() -> None:  # 250 bytes took 8 s and 2.4 GB
    options: dict[str, Any] = {"level": 0, "reversible": True, "resolutions": 6, "codecformat": "j2k"}
    body = bytearray(imagecodecs.jpeg2k_encode(np.zeros((256, 256), np.uint16), **options))
    at = body.index(b"\xff\x52")  # COD: length, style, progression, layers, transform, levels, block, ...
    struct.pack_into(">H", body, at + 6, 65_535)
    assert "packets" in detail(bytes(body))
    body = bytearray(LOSSLESS["j2k"][0])
    at = body.index(b"\xff\x52")
    length, levels = struct.unpack_from(">H", body, at + 2)[0], body[at + 9]
    body[at + 4] |= 1  # precincts of its own, of one pixel each
    body[at + 2 : at + 4] = struct.pack(">H", length + levels + 1)
    body[at + 2 + length : at + 2 + length] = bytes(levels + 1)
    struct.pack_into(">8I", body, 8, 2_000, 2_000, 0, 0, 2_000, 2_000, 0, 0)
    assert "precincts" in detail(bytes(body))
    body = bytearray(LOSSLESS["j2k"][0])
    body[at + 10 : at + 12] = b"\0\0"  # code blocks of 4x4 pixels
    struct.pack_into(">8I", body, 8, 2_040, 2_040, 0, 0, 2_040, 2_040, 0, 0)
    assert "blocks" in detail(bytes(body))


@pytest.mark.parametrize("cut", [2, 3, 100, 1_000])
def test_a_cut_jpeg_2000_is_not_answered_as_if_it_were_whole(cut: int) -> None:
    found = fate(LOSSLESS["j2k"][0][:-cut])
    assert isinstance(found, ServiceError) or (cut == 2 and np.array_equal(found.counts, DEEP))


@pytest.mark.parametrize("name", ["lossless jpeg 14", "jpeg-ls 14"])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_cut_deep_jpeg_is_not_answered_as_if_it_were_whole(name: str, share: float) -> None:
    body = LOSSLESS[name][0]
    assert isinstance(fate(body[: int(share * len(body))]), ServiceError)


def test_a_jpeg_ls_without_its_end_marker_is_read_if_it_is_whole() -> None:
    frame = fate(LOSSLESS["jpeg-ls 14"][0][:-2])
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.counts, DEEP)


@pytest.mark.parametrize("name", ["jpeg-ls 14", "lossless jpeg 14"])
@pytest.mark.parametrize("at", [5, 7], ids=["height", "width"])
def test_a_jpeg_without_rows_or_columns_is_a_fault(name: str, at: int) -> None:
    body = bytearray(LOSSLESS[name][0])
    start = next(at for at in range(len(body)) if body[at] == 0xFF and body[at + 1] in (0xC3, 0xF7))
    struct.pack_into(">H", body, start + at, 0)
    assert "no frame or no scan" in detail(bytes(body))


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_jpeg_ls_that_is_cut_off_is_refused_soon(cut: int) -> None:  # CharLS read on for 3.6 s
    small = bytes(imagecodecs.jpegls_encode(DEEP[:4, :4]))[:-2]
    began = time.thread_time()
    fate(small[:-cut])
    assert time.thread_time() - began < 0.5


def detail(body: bytes) -> str:
    found = fate(body)
    assert isinstance(found, ServiceError)
    return found.detail


def test_pillow_still_reads_what_it_can() -> None:
    buffer = io.BytesIO()
    Image.fromarray(EIGHT).save(buffer, "JPEG", quality=95, progressive=True)
    assert isinstance(fate(buffer.getvalue()), Frame)
