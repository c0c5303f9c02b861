"""TIFF files as tifffile, GDAL and ImageJ write them: every count arrives, and only frames are frames."""

import io
import struct
import time
from typing import Any, Final

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from intensity.counts import UnreadableCountsError
from intensity.tiff import read_tiff
from tests.support import tiff_by_hand as by_hand

RNG: Final = np.random.default_rng(7)
FILL_ORDER: Final = 266
SIDES: Final = (48, 64)
DEEP: Final = RNG.integers(0, 2**14, SIDES).astype(np.uint16)


def write(*pages: NDArray[Any], big: bool = False, order: Any = "<", **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, bigtiff=big, byteorder=order) as writer:
        for page in pages:
            writer.write(page, **({"metadata": None} | options))
    return buffer.getvalue()


def read(body: bytes) -> list[NDArray[np.generic]]:
    frames = []
    for page in read_tiff(body):
        assert not isinstance(page, UnreadableCountsError), page
        frames += [counts.pixels for counts in page.read()]
    return frames


def fault(body: bytes) -> str:
    try:
        for page in read_tiff(body):
            if isinstance(page, UnreadableCountsError):
                return str(page)
            page.read()
    except UnreadableCountsError as error:
        return str(error)
    pytest.fail("it is read")


@pytest.mark.parametrize("big", [False, True], ids=["classic", "big"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "i2", "u4", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 32)}, {"rowsperstrip": 5}], ids=["strip", "tiles", "strips"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "packbits", "zstd", "lzma"])
def test_counts_arrive(big: bool, order: str, dtype: str, options: dict[str, Any], compression: str | None) -> None:
    counts = (DEEP % 200).astype(dtype)
    predicted = compression in ("zlib", "lzw") and dtype != "f2"
    (frame,) = read(write(counts, big=big, order=order, compression=compression, predictor=predicted, **options))
    np.testing.assert_array_equal(frame, counts)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("rows", [48, 7])
def test_packed_counts_are_read_most_significant_bit_first(bits: int, order: Any, rows: int) -> None:
    counts = DEEP % 2**bits
    fields = by_hand.gray(64, 48, bits, 48 * 64 * bits // 8)
    data = b"".join(int("".join(f"{count:0{bits}b}" for count in row), 2).to_bytes(8 * bits, "big") for row in counts)
    if rows == 48:
        (frame,) = read(by_hand.tiff(data, fields, order=order))
    else:
        (frame,) = read(write(counts, bitspersample=bits, rowsperstrip=rows))  # big-endian is not written right
    np.testing.assert_array_equal(frame, counts)


@pytest.mark.parametrize("codec", ["jpeg2000", "lerc"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_image_codecs_inside_are_read_exactly(codec: str, tile: tuple[int, int] | None) -> None:
    (frame,) = read(write(DEEP, compression=codec, tile=tile))
    np.testing.assert_array_equal(frame, DEEP)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [14, 16])
def test_lossless_jpeg_inside_is_read_exactly(order: str, bits: int) -> None:
    data = bytes(imagecodecs.jpeg_encode(DEEP, lossless=True, bitspersample=bits))
    fields = by_hand.gray(64, 48, 16, len(data)) | {by_hand.COMPRESSION: 7}
    (frame,) = read(by_hand.tiff(data, fields, order=order))
    np.testing.assert_array_equal(frame, DEEP)


@pytest.mark.parametrize("size", [(4096, 4096), (65000, 65000)])
def test_an_image_inside_that_names_another_size_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    body = bytearray(write(DEEP, compression="jpeg2000"))
    at = body.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", body, at + 8, *size)
    assert fault(bytes(body)).endswith(("does not fit the page", "damaged or unusual header", "encode it again"))
    jpeg = bytearray(write((DEEP % 256).astype(np.uint8), compression="jpeg"))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, *(min(side, 65_535) for side in size))
    assert "does not fit the page" in fault(bytes(jpeg))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_alpha_beside_deep_gray_is_ignored(order: str, planes: str, compression: str | None) -> None:
    both = np.stack([DEEP, DEEP[::-1]], axis=2 if planes == "contig" else 0)
    options: dict[str, Any] = {"photometric": "minisblack", "planarconfig": planes, "extrasamples": ["unassalpha"]}
    (frame,) = read(write(both, order=order, compression=compression, **options))
    np.testing.assert_array_equal(frame, DEEP)


@pytest.mark.parametrize("subfile", [1, 3, 9, 17])
def test_overviews_and_masks_are_no_frames(subfile: int) -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(DEEP, metadata=None)
        writer.write(DEEP[::2, ::2], metadata=None, subfiletype=subfile)
        writer.write(DEEP[::-1], metadata=None, subfiletype=2)
    first, second = read(buffer.getvalue())
    np.testing.assert_array_equal(first, DEEP)
    np.testing.assert_array_equal(second, DEEP[::-1])


def test_a_picture_in_colours_among_deep_frames_is_no_frame() -> None:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(DEEP, metadata=None)
        writer.write(np.zeros((8, 8, 3), np.uint8), metadata=None, photometric="rgb")
        writer.write(DEEP, metadata=None)
    assert len(read(buffer.getvalue())) == 2


def test_a_file_of_overviews_only_is_refused() -> None:
    assert "no page of the TIFF is a frame" in fault(write(DEEP, DEEP, subfiletype=1))


def test_a_thousand_overviews_end() -> None:
    page = by_hand.gray(1, 1, 8, 1) | {254: 1}
    size = 2 + 12 * len(page) + 4
    body = by_hand.tiff(b"\1", page, next_page=lambda own: own + size)
    directory = body[-size:-4]
    links = (len(body) + size * index for index in range(1, 1_100))
    body += b"".join(directory + struct.pack("<I", link) for link in links)
    assert "more than 1024 overviews" in fault(body)


STACK: Final = RNG.integers(0, 2**14, (5, *SIDES)).astype(np.uint16)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_stack_of_imagej_in_one_page_is_all_its_frames(order: Any) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, STACK.astype(f"{order}u2"), imagej=True, byteorder=order)
    np.testing.assert_array_equal(np.stack(read(buffer.getvalue())), STACK)
    one_page = write(STACK[0], order=order, description="ImageJ=1.54\nimages=5\nframes=5\n")
    assert "pixels are missing" in fault(one_page), "the other frames are not there"


@pytest.mark.parametrize("options", [{"truncate": True}, {}, {"volumetric": True, "tile": None}])
def test_a_stack_of_tifffile_is_all_its_frames(options: dict[str, Any]) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, STACK, photometric="minisblack", **options)
    np.testing.assert_array_equal(np.stack(read(buffer.getvalue())), STACK)


@pytest.mark.parametrize("compression", ["zlib", "lzw"])
def test_a_compressed_stack_in_one_page_is_refused(compression: str) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, STACK, photometric="minisblack", volumetric=True, compression=compression)
    assert "frames in one page" in fault(buffer.getvalue()) or "three-dimensional" in fault(buffer.getvalue())


@pytest.mark.parametrize(
    ("dtype", "text", "fill"),
    [("u2", "65535", 65535), ("f4", "-9999", -9999), ("f4", "-3.4028235e+38", -3.4028235e38), ("i2", "-32768", -32768),
     ("u1", "0", 0), ("f8", "-9999.0 ", -9999)],
)  # fmt: skip
def test_pixels_without_data_are_not_a_number(dtype: str, text: str, fill: float) -> None:
    counts = (DEEP % 100 + 1).astype(dtype)
    counts[:3] = fill
    (frame,) = read(write(counts, extratags=[(42113, "s", 0, text, True)]))
    assert np.isnan(frame[:3].astype(np.float64)).all()
    np.testing.assert_array_equal(frame[3:], counts[3:])


@pytest.mark.parametrize("text", ["nan", "inf", "none", "", "70000", "-1", "1e400"])
def test_a_fill_value_that_no_count_has_changes_nothing(text: str) -> None:
    (frame,) = read(write(DEEP, extratags=[(42113, "s", 0, text, True)]))
    assert frame.dtype == np.uint16
    np.testing.assert_array_equal(frame, DEEP)


@pytest.mark.parametrize("colours", ["colour", "palette"])
def test_colours_of_16_bits_and_palettes_become_luminance(colours: str) -> None:
    if colours == "colour":
        (frame,) = read(write(np.stack([DEEP] * 3, axis=2), photometric="rgb", compression="zlib"))
        np.testing.assert_allclose(frame.astype(np.float64), DEEP, rtol=1e-5)
        return
    table = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    indices = (DEEP % 256).astype(np.uint8)
    (frame,) = read(write(indices, photometric="palette", colormap=table))
    np.testing.assert_allclose(frame.astype(np.float64), indices, rtol=1e-5)


def hostile(**fields: int) -> bytes:
    names = {"tile_width": 322, "tile_length": 323, "tile_at": 324, "tile_bytes": 325}
    page = by_hand.gray(8, 8, 8, 64) | {names[name]: value for name, value in fields.items()}
    return by_hand.tiff(bytes(64), page)


def table_of(count: int) -> bytes:
    """A page of 8x8 whose strip offsets claim ``count`` values, which are there."""
    data = bytes(4 * count)
    page = by_hand.gray(8, 8, 8, 64) | {by_hand.ROWS: 8}
    body = bytearray(by_hand.tiff(data, page))
    for tag in (by_hand.STRIP, by_hand.STRIP_BYTES):
        at = body.rindex(struct.pack("<HH", tag, by_hand.LONG))
        struct.pack_into("<II", body, at + 4, count, 8)
    return bytes(body)


@pytest.mark.parametrize("count", [1_000_000, 8_000_000])
def test_a_table_of_millions_of_strips_is_not_read(count: int) -> None:
    body = table_of(count)
    began = time.process_time()
    for page in read_tiff(body):
        if not isinstance(page, UnreadableCountsError):
            page.read()
    assert time.process_time() - began < 0.5


def test_tiny_tiles_are_refused() -> None:
    assert "save it with larger tiles" in fault(hostile(tile_width=1, tile_length=1, tile_at=8, tile_bytes=1))


def test_segments_that_share_their_bytes_are_refused() -> None:
    packed = write(np.zeros((64, 64), np.uint8), compression="zlib", rowsperstrip=1)
    body = bytearray(packed)
    page = tifffile.TiffFile(io.BytesIO(packed)).pages[0]
    tag = page.tags[279]
    width = {3: "H", 4: "I"}[tag.dtype]
    struct.pack_into(f"<64{width}", body, tag.valueoffset, *[len(packed) // 8] * 64)
    assert "share their bytes" in fault(bytes(body)) or "missing" in fault(bytes(body))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("bits", "counts"), [(8, DEEP % 256), (12, DEEP % 4096), (14, DEEP), (16, DEEP * 4)])
def test_jpeg_ls_inside_is_read_exactly(order: str, bits: int, counts: NDArray[np.uint16]) -> None:
    stored = counts.astype(np.uint8 if bits == 8 else np.uint16)
    data = bytes(imagecodecs.jpegls_encode(stored))
    fields = by_hand.gray(64, 48, bits, len(data)) | {by_hand.COMPRESSION: 7}
    (frame,) = read(by_hand.tiff(data, fields, order=order))
    np.testing.assert_array_equal(frame, stored)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", [{"rowsperstrip": 20}, {"tile": (16, 32)}], ids=["strips", "tiles"])
def test_jpeg_ls_in_strips_and_tiles_is_read_exactly(order: str, layout: dict[str, Any]) -> None:
    down, across = layout.get("tile", (20, 64))
    pieces = [
        DEEP[top : top + down, left : left + across] for top in range(0, 48, down) for left in range(0, 64, across)
    ]
    encoded = (bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(piece))) for piece in pieces)
    stored: dict[str, Any] = {"shape": SIDES, "dtype": "uint16", "compression": "jpeg", "photometric": "minisblack"}
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, byteorder=order) as writer:
        writer.write(encoded, metadata=None, bitspersample=14, **stored, **layout)
    (frame,) = read(buffer.getvalue())
    np.testing.assert_array_equal(frame, DEEP)


def test_jpeg_ls_inside_that_is_cut_off_is_refused_soon() -> None:
    data = bytes(imagecodecs.jpegls_encode(DEEP))
    for cut in (10, 60, 200, 2_000):
        fields = by_hand.gray(64, 48, 14, len(data) - cut) | {by_hand.COMPRESSION: 7}
        began = time.process_time()
        assert "TIFF data is truncated or damaged" in fault(by_hand.tiff(data[:-cut], fields))
        assert time.process_time() - began < 1


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_lzw_of_packed_and_of_reversed_bits_is_read(bits: int) -> None:
    counts = DEEP & (2**bits - 1)
    packed = b"".join(int("".join(f"{count:0{bits}b}" for count in row), 2).to_bytes(8 * bits, "big") for row in counts)
    packed = packed if bits < 16 else counts.tobytes()
    data = bytes(imagecodecs.lzw_encode(packed))
    for stored, order in ((data, 1), (bytes(imagecodecs.bitorder_encode(data)), 2)):
        fields = by_hand.gray(64, 48, bits, len(data)) | {by_hand.COMPRESSION: 5, FILL_ORDER: order}
        (frame,) = read(by_hand.tiff(stored, fields))
        np.testing.assert_array_equal(frame, counts)


def test_lzw_that_writes_beyond_its_end_is_a_fault() -> None:  # it ended the process
    data = bytes.fromhex("804420503824160d0784426150b864361d0f8844625138a4562d178c466351b87fb61b0100")
    for bits in (1, 4, 8, 12, 14, 16, 32):
        fields = by_hand.gray(16, 16, bits, len(data)) | {by_hand.COMPRESSION: 5}
        assert "truncated or damaged" in fault(by_hand.tiff(data, fields))
