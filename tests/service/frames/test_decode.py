"""Which decoder reads a body."""

from collections.abc import Callable

import numpy as np
import pytest

from service.errors import Reason, ServiceError
from service.frames import ACCEPTED, RAW_TYPE, Budget, Frame, RawLayout, RawType, decode, decode_file
from tests.support import frames as files

PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4)
LAYOUT = RawLayout(4, 3, RawType.U8)


def refusal(body: bytes, media_type: str | None) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        decode(body, media_type, Budget())
    return caught.value


@pytest.mark.parametrize("write", [files.png, files.tiff, files.npy, files.bmp])
@pytest.mark.parametrize("declared", [*ACCEPTED, "text/html", None])
def test_magic_bytes_win_over_the_declared_type(write: Callable[[np.ndarray], bytes], declared: str | None) -> None:
    (frame,) = decode(write(PIXELS), declared, Budget())
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.counts, PIXELS)


@pytest.mark.parametrize("write", [files.png, files.tiff, files.npy])
def test_magic_bytes_that_cannot_be_mistaken_win_over_a_layout_of_rows(write: Callable[[np.ndarray], bytes]) -> None:
    (frame,) = decode(write(PIXELS), RAW_TYPE, Budget(), raw=LAYOUT)
    assert isinstance(frame, Frame)
    np.testing.assert_array_equal(frame.counts, PIXELS)


@pytest.mark.parametrize("begin", [b"BM", b"\xff\xd8\xff"])
def test_rows_may_begin_as_some_files_do(begin: bytes) -> None:
    (frame,) = decode(begin.ljust(12, b"\x07"), RAW_TYPE, Budget(), raw=LAYOUT)
    assert isinstance(frame, Frame)
    assert frame.counts.tobytes() == begin.ljust(12, b"\x07")


@pytest.mark.parametrize("declared", ACCEPTED)
def test_an_unknown_body_of_an_accepted_type_is_undecodable(declared: str) -> None:
    fault = refusal(b"GIF89a", declared)
    assert fault.reason is Reason.UNDECODABLE_FRAME
    assert declared in fault.detail


def test_raw_rows_that_nothing_describes_are_told_what_they_need() -> None:
    detail = refusal(b"rows", "application/octet-stream").detail
    assert "width, height and dtype (u8, i8, u12le, u12be, u16le, " in detail


@pytest.mark.parametrize(
    ("content", "said"), [(b"junk", "PNG, TIFF, JPEG, BMP, JPEG 2000, PGM, FITS and NumPy's .npy"), (b"", "empty")]
)
def test_a_file_that_is_no_frame_is_undecodable_whatever_its_type(content: bytes, said: str) -> None:
    with pytest.raises(ServiceError) as caught:
        decode_file(content, Budget())
    assert caught.value.reason is Reason.UNDECODABLE_FRAME
    assert said in caught.value.detail


@pytest.mark.parametrize("declared", ["image/gif", None])
def test_an_unknown_type_is_answered_with_the_accepted_ones(declared: str | None) -> None:
    fault = refusal(b"GIF89a", declared)
    assert fault.reason is Reason.UNSUPPORTED_MEDIA_TYPE
    assert all(media_type in fault.detail for media_type in ACCEPTED)


@pytest.mark.parametrize("declared", ["image/png", "image/gif", None])
def test_an_empty_body_is_undecodable(declared: str | None) -> None:
    assert refusal(b"", declared).detail == "the body is empty"
