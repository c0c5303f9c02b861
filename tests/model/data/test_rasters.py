"""Training reads a file as the service does, or says what is wrong with it."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from model.data.rasters import RasterError, read_frame, read_mask, read_size
from service.frames import Budget, Frame, decode
from tests.support import frames as files
from tests.support import tiff_by_hand as by_hand

SCENE = np.random.default_rng(0).integers(0, 400, (24, 32))
EIGHT, SIXTEEN = SCENE.clip(0, 255).astype(np.uint8), (SCENE * 150).astype(np.uint16)


def tiff_by_hand(counts: np.ndarray, **fields: int) -> bytes:
    """What Pillow does not write: unsigned 32 bits, signed 8 bits, 16 bits that call white zero."""
    height, width = counts.shape
    own = by_hand.gray(width, height, 8 * counts.itemsize, counts.nbytes)
    named = {getattr(by_hand, name.upper()): value for name, value in fields.items()}
    return by_hand.tiff(counts.astype(counts.dtype.newbyteorder("<")).tobytes(), own | named)


TARGETS = SCENE > 380
MASKS = {
    "0 and 1": files.png(TARGETS.astype(np.uint8)),
    "0 and 255": files.png(TARGETS.astype(np.uint8) * 255),
    "0 and 65535": files.png(TARGETS.astype(np.uint16) * 65535),
    "0 and 1 of 16 bits": files.png(TARGETS.astype(np.uint16)),
    "0 and 300": files.tiff(TARGETS.astype(np.uint16) * 300),
    "floats": files.tiff(TARGETS.astype(np.float32)),
    "colour": files.png(np.repeat(TARGETS[..., None].astype(np.uint8) * 255, 3, -1)),
}
NO_MASKS = {
    "a frame of 16 bits": files.png((SCENE * 7 + 1000).astype(np.uint16)),
    "a dark one": files.png((SCENE + 200).astype(np.uint16)),
    "one of little contrast": files.png((SCENE // 10 + 1000).astype(np.uint16)),
    "one with a dead pixel": files.tiff(np.where(np.arange(32) < 1, 0, SCENE // 10 + 1000).astype(np.uint16)),
    "one of floats": files.tiff(SCENE.astype(np.float32) / 7 + 20),
    "probabilities": files.tiff(SCENE.astype(np.float32) / 400),
    "undefined": files.tiff(np.where(TARGETS, np.nan, 0).astype(np.float32)),
    "targets in black": files.png(np.where(TARGETS, 0, 255).astype(np.uint8)),
    "targets in black, ones": files.png((~TARGETS).astype(np.uint8)),
    "classes": files.png((SCENE // 100).astype(np.uint8)),
    "classes of 16 bits": files.png((SCENE // 100).astype(np.uint16)),
}
BODIES = {
    "16-bit colour": by_hand.png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 1000, 1001, 1002)),
    "png8": files.png(EIGHT),
    "png16": files.png(SIXTEEN),
    "tiff16": files.tiff(SIXTEEN),
    "big-endian tiff": files.tiff(SIXTEEN, big_endian=True),
    "float tiff": files.tiff(SIXTEEN.astype(np.float32) / 3),
    "colour": files.png(np.stack([EIGHT, EIGHT // 2, EIGHT // 3], -1)),
    "jpeg": files.jpeg(EIGHT),
    "bmp": files.bmp(EIGHT),
    "jpeg-ls": bytes(imagecodecs.jpegls_encode(SIXTEEN)),
    "jpeg 2000": bytes(imagecodecs.jpeg2k_encode(SIXTEEN, level=0, reversible=True)),
    "pgm": b"P5 32 24 65535 " + SIXTEEN.astype(">u2").tobytes(),
    "fits": files.fits(EIGHT),
    "white is zero, 8 bits": tiff_by_hand(EIGHT, photometric=0),
    "white is zero, 16 bits": tiff_by_hand(SIXTEEN, photometric=0),
    "signed 16 bits": tiff_by_hand(SIXTEEN.astype(np.int16), format=by_hand.SIGNED),
    "signed 32 bits": tiff_by_hand(SCENE.astype(np.int32) - 70_000, format=by_hand.SIGNED),
    "unsigned 32 bits": tiff_by_hand(SCENE.astype(np.uint32) + np.uint32(2**32 - 500)),
}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_frame_and_mask_of_a_tiff_lie_as_stored(tmp_path: Path, orientation: int) -> None:
    mask = np.where(TARGETS, 255, 0).astype(np.uint8)
    for name, pixels in (("frame.tif", EIGHT), ("mask.tif", mask)):
        (tmp_path / name).write_bytes(tiff_by_hand(pixels, orientation=orientation))
    np.testing.assert_array_equal(read_frame(tmp_path / "frame.tif"), EIGHT)
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.tif"), mask > 0)
    assert read_size(tmp_path / "mask.tif") == (24, 32)


@pytest.mark.parametrize("body", MASKS.values(), ids=MASKS)
def test_a_mask_has_two_values_whatever_its_depth(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a").write_bytes(body)
    np.testing.assert_array_equal(read_mask(tmp_path / "a"), TARGETS)


@pytest.mark.parametrize("body", NO_MASKS.values(), ids=NO_MASKS)
def test_what_is_no_mask_is_refused_whatever_its_depth(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a").write_bytes(body)
    with pytest.raises(RasterError, match="a is no binary mask"):
        read_mask(tmp_path / "a")


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_training_reads_what_the_service_reads(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a").write_bytes(body)
    (served,) = decode(body, None, Budget())
    assert isinstance(served, Frame)
    trained = read_frame(tmp_path / "a")
    np.testing.assert_array_equal(trained, served.counts)
    assert trained.dtype == served.counts.dtype


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (tiff_by_hand(EIGHT.astype(np.int8), format=5), "not supported: 1 x 8 bits per pixel, complex"),
        (by_hand.png(2, 1, 16, 2, b"\0" + struct.pack(">3H", 1000, 1001, 1002)), "PNG data is truncated"),
        (BODIES["png16"][:-300], "truncated"),
        (BODIES["tiff16"][:60], ""),
        (b"II*\0" + b"\xff" * 40, ""),
    ],
    ids=["complex", "deep colour", "cut off", "half a header", "noise"],
)
def test_what_would_be_mistaken_is_refused(tmp_path: Path, body: bytes, fault: str) -> None:
    (tmp_path / "a.x").write_bytes(body)
    with pytest.raises(RasterError, match=rf"a\.x cannot be read: .*{fault}"):
        read_frame(tmp_path / "a.x")


def test_a_header_that_names_a_huge_image_is_a_fault_of_that_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(by_hand.png(2**20, 2**20, 8, 0, b""))
    with pytest.raises(RasterError, match=r"a\.png cannot be read: its header names"):
        read_size(tmp_path / "a.png")


def test_a_file_of_several_frames_is_refused_and_not_read_in_part(tmp_path: Path) -> None:
    page = Image.fromarray(EIGHT)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page, page])
    with pytest.raises(RasterError, match=r"a\.tif cannot be read: it holds 3 pages"):
        read_frame(tmp_path / "a.tif")
