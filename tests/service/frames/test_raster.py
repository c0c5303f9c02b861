"""PNG, TIFF, JPEG and BMP as cameras and tools write them: every count arrives."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, decode
from tests.support import frames as files
from tests.support import tiff_by_hand as by_hand

SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))
U8 = np.arange(35, dtype=np.uint8).reshape(5, 7) * 7
U16 = U8.astype(np.uint16) * 257 + 3
COMPLEX = 6  # value of the sample format
RED, GREEN, BLUE = 0.299, 0.587, 0.114


def read(body: bytes, **limits: int) -> list[Frame | ServiceError]:
    return decode(body, None, Budget(**limits), name="frame")


def read_one(body: bytes) -> Frame:
    (frame,) = read(body)
    assert isinstance(frame, Frame), frame
    return frame


def numbers(frame: Frame) -> NDArray[np.float64]:
    return frame.counts.astype(np.float64)


def fault_of(body: bytes, **limits: int) -> ServiceError:
    """The fault of the only frame, or of the whole body."""
    try:
        (fault,) = read(body, **limits)
    except ServiceError as error:
        return error
    assert isinstance(fault, ServiceError)
    return fault


def save(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@given(arrays(np.uint8, SHAPES) | arrays(np.uint16, SHAPES))
def test_every_count_of_a_png_or_tiff_arrives(pixels: np.ndarray) -> None:
    for body in (files.png(pixels), files.tiff(pixels), files.tiff(pixels, big_endian=True)):
        frame = read_one(body)
        np.testing.assert_array_equal(frame.counts, pixels)
        assert frame.counts.dtype == pixels.dtype
        assert frame.counts.dtype.isnative
        assert (frame.dtype, frame.name, frame.invalid_pixels) == (pixels.dtype.name, "frame", 0)


def test_a_bmp_arrives_as_it_was() -> None:
    np.testing.assert_array_equal(read_one(files.bmp(U8)).counts, U8)


def test_a_jpeg_arrives_within_its_own_loss() -> None:
    frame = read_one(files.jpeg(np.full((9, 9), 100, np.uint8)))
    assert frame.dtype == "uint8"
    np.testing.assert_allclose(numbers(frame), 100, atol=1)


@given(arrays(np.float32, SHAPES, elements=st.floats(-1e6, 1e6, width=32)))
@settings(max_examples=30)
def test_a_float_tiff_arrives_as_it_was(pixels: np.ndarray) -> None:
    frame = read_one(files.tiff(pixels))
    np.testing.assert_array_equal(frame.counts, pixels)
    assert frame.dtype == "float32"


def test_not_a_number_in_a_tiff_is_counted() -> None:
    pixels = np.array([[np.nan, 1], [np.inf, -np.inf]], np.float32)
    assert read_one(files.tiff(pixels)).invalid_pixels == 3
    assert fault_of(files.tiff(pixels[1:])).detail == "every pixel is NaN or infinite"


@pytest.mark.parametrize("write", [files.png, files.tiff, files.bmp])
def test_colour_becomes_luminance_by_rec_601(write: Callable[[np.ndarray], bytes]) -> None:
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[1, 2, 3], [255, 255, 255], [9, 9, 9]]], np.uint8)
    frame = read_one(write(pixels))
    expected = [[255 * RED, 255 * GREEN, 255 * BLUE], [RED + 2 * GREEN + 3 * BLUE, 255, 9]]
    np.testing.assert_allclose(numbers(frame), expected, rtol=1e-5)
    assert (frame.counts.dtype.name, frame.dtype) == ("float32", "uint8")


def test_gray_stored_as_colour_keeps_its_counts() -> None:
    frame = read_one(files.png(np.stack([U8] * 3, axis=2)))
    np.testing.assert_allclose(numbers(frame), U8, rtol=1e-5)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_alpha_is_ignored(form: str) -> None:
    opaque = Image.fromarray(U8)
    clear = Image.new("L", opaque.size, 0)
    np.testing.assert_array_equal(read_one(save(Image.merge("LA", [opaque, clear]), form)).counts, U8)
    colour = read_one(save(Image.merge("RGBA", [opaque, opaque, opaque, clear]), form))
    np.testing.assert_allclose(numbers(colour), U8, rtol=1e-5)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_a_palette_is_looked_up(form: str) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50, 7, 7, 7])
    expected = [[10 * RED + 20 * GREEN + 30 * BLUE, 200 * RED + 100 * GREEN + 50 * BLUE, 7]]
    np.testing.assert_allclose(numbers(read_one(save(image, form))), expected, rtol=1e-5)


@pytest.mark.parametrize("alpha", [b"\0", b"\0\x80"])
def test_a_palette_with_alpha_is_looked_up_without_a_warning(alpha: bytes) -> None:
    palette = by_hand.chunk(b"PLTE", bytes([7, 7, 7, 9, 9, 9])) + by_hand.chunk(b"tRNS", alpha)
    frame = read_one(by_hand.png(2, 1, 8, 3, b"\0\0\1", between=palette))
    np.testing.assert_allclose(numbers(frame), [[7, 9]], rtol=1e-5)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_one_bit_frames_are_0_and_255(form: str) -> None:
    bits = Image.fromarray(np.array([[0, 255, 255], [255, 0, 0]], np.uint8)).convert("1")
    frame = read_one(save(bits, form))
    assert frame.counts.tolist() == [[0, 255, 255], [255, 0, 0]]
    assert frame.dtype == "uint8"


def test_wide_and_signed_tiff_counts_keep_their_sign_and_size() -> None:
    for order in "<>":
        data = struct.pack(order + "2i", -5, 2**31 - 1)
        fields = by_hand.gray(2, 1, 32, 8) | {by_hand.FORMAT: by_hand.SIGNED}
        frame = read_one(by_hand.tiff(data, fields, order=order))
        assert frame.counts.tolist() == [[-5, 2**31 - 1]]
        assert frame.dtype == "int32"
        fields = by_hand.gray(2, 1, 16, 8) | {by_hand.FORMAT: by_hand.SIGNED}
        frame = read_one(by_hand.tiff(struct.pack(order + "2h", -5, 2**15 - 1), fields, order=order))
        assert frame.counts.tolist() == [[-5, 2**15 - 1]]
        assert frame.dtype == "int16"
    unsigned = read_one(by_hand.tiff(struct.pack("<2I", 2**31 + 5, 7), by_hand.gray(2, 1, 32, 8)))
    assert unsigned.counts.tolist() == [[2**31 + 5, 7]]
    assert unsigned.dtype == "uint32"


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_every_page_of_a_tiff_is_a_frame(compression: str | None) -> None:
    pages = [np.full((3, 4), value, np.uint16) for value in (1, 500, 60000)]
    first, *rest = map(Image.fromarray, pages)
    frames = read(save(first, "TIFF", save_all=True, append_images=rest, compression=compression))
    assert [frame.counts.tolist() for frame in frames if isinstance(frame, Frame)] == [page.tolist() for page in pages]


def test_pages_may_differ_in_size_and_type() -> None:
    frames = read(files.tiff(U8, U16[:2], U8[:, :3].astype(np.float32)))
    assert [(f.dtype, f.width, f.height) for f in frames if isinstance(f, Frame)] == [
        ("uint8", 7, 5),
        ("uint16", 7, 2),
        ("float32", 3, 5),
    ]


def test_a_damaged_page_fails_alone() -> None:
    pages = [Image.fromarray(U16 + shift) for shift in range(3)]
    body = bytearray(save(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate"))
    strips = [page.tag_v2[by_hand.STRIP][0] for page in ImageSequence.Iterator(Image.open(io.BytesIO(body)))]  # type: ignore[attr-defined]
    body[strips[1] : strips[1] + 4] = b"\xff\xff\xff\xff"
    first, second, third = read(bytes(body))
    assert isinstance(first, Frame)
    assert isinstance(second, ServiceError)
    assert second.reason is Reason.UNDECODABLE_FRAME
    assert isinstance(third, Frame)
    np.testing.assert_array_equal(third.counts, U16 + 2)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("next_page", [lambda _: 2**31, lambda _: 9], ids=["beyond the end", "into pixels"])
def test_a_broken_chain_of_pages_is_told_after_the_pages_before_it(next_page: Callable[[int], int]) -> None:
    body = by_hand.tiff(b"\1\2" + b"\xff" * 60, by_hand.gray(2, 1, 8, 2), next_page=next_page)
    first, second = read(body)
    assert isinstance(first, Frame)
    assert first.counts.tolist() == [[1, 2]]
    assert isinstance(second, ServiceError)
    assert "page 1 of the TIFF cannot be found" in second.detail


def test_a_chain_of_pages_that_loops_ends() -> None:
    assert len(read(by_hand.tiff(b"\1\2", by_hand.gray(2, 1, 8, 2), next_page=lambda own: own))) == 1


@pytest.mark.parametrize(("colour", "samples"), [(2, 3), (4, 2), (6, 4)], ids=["RGB", "gray+alpha", "RGBA"])
def test_16_bit_colour_in_a_png_is_not_cut_to_8_bits(colour: int, samples: int) -> None:
    rows = b"\0" + struct.pack(f">{samples}H", *range(1000, 1000 + samples))
    expected = 1000 if samples == 2 else 1000 * RED + 1001 * GREEN + 1002 * BLUE
    for before in (b"", by_hand.chunk(b"tEXt", b"hides\0the header")):
        frame = read_one(by_hand.png(1, 1, 16, colour, rows, before=before))
        assert numbers(frame).item() == pytest.approx(expected)
        assert frame.dtype == "uint16"


def test_16_bit_colour_in_a_tiff_is_not_cut_to_8_bits() -> None:
    fields = by_hand.gray(1, 1, 16, 6) | {by_hand.SAMPLES: 3, by_hand.PHOTOMETRIC: 2}
    frame = read_one(by_hand.tiff(struct.pack("<3H", 1000, 2000, 3000), fields))
    assert numbers(frame).item() == pytest.approx(1000 * RED + 2000 * GREEN + 3000 * BLUE)
    assert frame.dtype == "uint16"


def test_16_bit_gray_with_a_transparent_count_keeps_all_counts() -> None:
    body = by_hand.png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 258, 65535), between=by_hand.chunk(b"tRNS", b"\1\2"))
    assert read_one(body).counts.tolist() == [[258, 65535]]


def test_cmyk_is_no_infrared_frame() -> None:
    assert "CMYK" in fault_of(save(Image.new("CMYK", (4, 4)), "JPEG")).detail


@pytest.mark.parametrize(
    "body",
    [files.png(U8), files.png(U16), files.tiff(U16), files.tiff(U16, big_endian=True), files.jpeg(U8), files.bmp(U8)],
    ids=["png8", "png16", "tiff", "big-endian tiff", "jpeg", "bmp"],
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_truncated_file_is_undecodable_wherever_it_was_cut(body: bytes) -> None:
    for share in (0.15, 0.4, 0.7):
        fault = fault_of(body[: int(share * len(body))])
        assert fault.reason is Reason.UNDECODABLE_FRAME
        assert " at 0x" not in fault.detail, "no address of this process leaves it"


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [5_000, 10_000, 20_000, 2**31 - 1])
def test_a_header_naming_huge_dimensions_is_refused_before_decoding(side: int) -> None:
    for body in (by_hand.png(side, side, 8, 0, b""), by_hand.tiff(b"\1\2", by_hand.gray(side, side, 8, 2))):
        assert fault_of(body).reason is Reason.TOO_MANY_PIXELS


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [5_000, 10_000, 2**31 - 1])
def test_a_later_page_naming_huge_dimensions_is_refused_before_decoding(side: int) -> None:
    huge = by_hand.gray(side, side, 8, 2)
    second = by_hand.tiff(b"", huge)[8:]
    first = by_hand.tiff(b"\1\2", by_hand.gray(2, 1, 8, 2), next_page=lambda own: own + 2 + 9 * 12 + 4)
    assert fault_of(first + second).reason is Reason.TOO_MANY_PIXELS


def test_a_small_frame_in_a_huge_tile_is_refused_before_decoding() -> None:
    side = 5_008
    data = zlib.compress(bytes(side * side))
    fields = {
        by_hand.WIDTH: 16, by_hand.LENGTH: 16, by_hand.BITS: 8, by_hand.COMPRESSION: by_hand.DEFLATE,
        by_hand.PHOTOMETRIC: 1, by_hand.SAMPLES: 1, by_hand.TILE_WIDTH: side, by_hand.TILE_LENGTH: side,
        by_hand.TILE_AT: 8, by_hand.TILE_BYTES: len(data),
    }  # fmt: skip
    body = by_hand.tiff(data, fields)
    assert fault_of(body).reason is Reason.TOO_MANY_PIXELS
    (frame,) = read(body, max_pixels=side * side)
    assert isinstance(frame, Frame)
    assert frame.counts.shape == (16, 16)


def test_pages_and_their_pixels_count_together() -> None:
    body = files.tiff(U8, U8, U8)
    assert len(read(body, max_frames=3, max_pixels=3 * 32 * 32)) == 3
    assert fault_of(body, max_frames=2).reason is Reason.TOO_MANY_FRAMES
    assert fault_of(body, max_pixels=3 * 32 * 32 - 1).reason is Reason.TOO_MANY_PIXELS


WHOLE = [
    *(write(U8) for write in (files.png, files.tiff, files.jpeg, files.bmp)),
    *(files.tiff(page) for page in (U16, U8.astype(np.float32), np.stack([U8] * 3, axis=2))),
    files.tiff(U8, U8),
    files.tiff(U16, big_endian=True),
    files.png(np.stack([U8] * 3, axis=2)),
]


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(WHOLE), st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4))
@settings(max_examples=200, deadline=None)
def test_damaged_bytes_give_frames_or_faults_and_nothing_else(body: bytes, changes: list[tuple[float, int]]) -> None:
    damaged = bytearray(body)
    for place, value in changes:
        damaged[int(place * len(damaged))] = value
    try:
        frames = read(bytes(damaged), max_frames=8, max_pixels=100_000)
    except ServiceError:
        return
    assert frames
    assert all(isinstance(frame, Frame | ServiceError) for frame in frames)


@pytest.mark.parametrize(("bits", "dtype"), [(8, "<u1"), (16, "<u2")])
def test_white_is_zero_is_turned_round_at_every_depth(bits: int, dtype: str) -> None:
    counts = np.array([[0, 3, 200]], dtype)
    fields = by_hand.gray(3, 1, bits, counts.nbytes) | {by_hand.PHOTOMETRIC: 0}
    assert np.array_equal(read_one(by_hand.tiff(counts.tobytes(), fields)).counts, np.iinfo(dtype).max - counts)


def test_floats_of_which_white_is_zero_are_refused() -> None:
    counts = np.array([[0, 3, 200]], "<f4")
    fields = by_hand.gray(3, 1, 32, counts.nbytes) | {by_hand.FORMAT: by_hand.FLOAT, by_hand.PHOTOMETRIC: 0}
    (fault,) = read(by_hand.tiff(counts.tobytes(), fields))
    assert isinstance(fault, ServiceError)
    assert "white-is-zero" in fault.detail


def test_signed_bytes_keep_their_sign() -> None:  # -1 must not become 255
    fields = by_hand.gray(2, 1, 8, 2) | {by_hand.FORMAT: by_hand.SIGNED}
    frame = read_one(by_hand.tiff(b"\xff\x01", fields))
    assert (frame.counts.tolist(), frame.dtype) == ([[-1, 1]], "int8")


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f2", ">u4", "<u4", ">u2", "<i8", ">u8"])
def test_every_real_type_is_read(dtype: str) -> None:
    pixels = np.array([[1, 2, 1000]], dtype)
    form = {"f": by_hand.FLOAT, "i": by_hand.SIGNED, "u": by_hand.UNSIGNED}[pixels.dtype.kind]
    fields = by_hand.gray(3, 1, 8 * pixels.itemsize, pixels.nbytes) | {by_hand.FORMAT: form}
    frame = read_one(by_hand.tiff(pixels.tobytes(), fields, order="<" if dtype[0] == "<" else ">"))
    assert (frame.counts.tolist(), frame.dtype) == ([[1, 2, 1000]], pixels.dtype.name)


@pytest.mark.parametrize(
    ("dtype", "own", "named"),
    [
        ("<c8", {by_hand.FORMAT: 6}, "1 x 64 bits per pixel, complex, black is zero, little-endian"),
        (">u2", {by_hand.PHOTOMETRIC: 5}, "1 x 16 bits per pixel, unsigned, CMYK, big-endian"),
        ("<i2", {by_hand.FORMAT: by_hand.SIGNED, by_hand.PHOTOMETRIC: 0}, "signed, white is zero, little-endian"),
        ("<u2", {by_hand.FORMAT: 9}, "of unknown format"),
        ("<u2", {by_hand.PHOTOMETRIC: 32844}, "photometric interpretation 32844"),
    ],
)
def test_samples_that_are_not_read_are_named_and_not_called_damaged(
    dtype: str, own: dict[int, int], named: str
) -> None:
    pixels = np.array([[1, 2]], dtype)
    fields = by_hand.gray(2, 1, 8 * pixels.itemsize, pixels.nbytes) | own
    detail = fault_of(by_hand.tiff(pixels.tobytes(), fields, order="<" if dtype[0] == "<" else ">")).detail
    assert named in detail
    assert "save it as gray of uint8, uint16 or float32" in detail
    assert "damaged" not in detail


def wide_pages(count: int) -> bytes:
    """A readable page, then ``count`` of complex numbers, then a readable one; all share their one pixel."""
    gray = by_hand.gray(1, 1, 8, 1) | {by_hand.FORMAT: by_hand.UNSIGNED}
    wide = by_hand.gray(1, 1, 64, 8) | {by_hand.FORMAT: COMPLEX}
    size = 2 + 12 * len(gray) + 4
    body = by_hand.tiff(bytes(8), gray, next_page=lambda own: own + size)
    for _ in range(count):
        after = len(body) + size
        body += by_hand.tiff(bytes(8), wide, next_page=lambda own, after=after: after)[16:]  # type: ignore[misc]
    return body + by_hand.tiff(bytes(8), gray)[16:]


def test_a_page_of_samples_that_are_not_read_fails_alone() -> None:
    first, second, third = read(wide_pages(1))
    assert isinstance(first, Frame)
    assert isinstance(second, ServiceError)
    assert "64 bits per pixel, complex" in second.detail
    assert isinstance(third, Frame)


def test_pages_that_cannot_be_read_are_counted_too() -> None:
    body = wide_pages(5)
    assert len(read(body, max_frames=7)) == 7
    assert fault_of(body, max_frames=6).reason is Reason.TOO_MANY_FRAMES
