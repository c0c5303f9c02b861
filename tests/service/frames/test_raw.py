"""Raw sensor rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, RawLayout, RawType, decode, parse_rows

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 5))
TYPES = {RawType.U8: "u1", RawType.U16LE: "<u2", RawType.U16BE: ">u2", RawType.F32LE: "<f4"}
STACKS = st.sampled_from(sorted(TYPES)).flatmap(
    lambda kind: st.tuples(st.just(kind), arrays(TYPES[kind], SHAPES, elements={"min_value": 0, "max_value": 200}))
)


def read(body: bytes, layout: RawLayout, **limits: int) -> list[Frame | ServiceError]:
    return decode(body, "application/octet-stream", Budget(**limits), raw=layout)


def refusal(body: bytes, layout: RawLayout, **limits: int) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        read(body, layout, **limits)
    return caught.value


@given(STACKS)
def test_frames_lie_back_to_back_in_the_order_and_type_that_was_said(case: tuple[RawType, np.ndarray]) -> None:
    kind, stack = case
    _, height, width = stack.shape
    frames = read(stack.tobytes(), RawLayout(width, height, kind))
    assert len(frames) == len(stack)
    for frame, expected in zip(frames, stack, strict=True):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.counts, expected)
        assert frame.counts.dtype.isnative
        assert frame.dtype == stack.dtype.name


def test_the_two_byte_orders_differ() -> None:
    (little,), (big,) = (read(b"\1\0", RawLayout(1, 1, kind)) for kind in (RawType.U16LE, RawType.U16BE))
    assert isinstance(little, Frame)
    assert isinstance(big, Frame)
    assert (little.counts.item(), big.counts.item()) == (1, 256)


@pytest.mark.parametrize("size", [1, 23, 25, 47])
def test_a_wrong_length_is_refused(size: int) -> None:
    fault = refusal(bytes(size), RawLayout(4, 3, RawType.U16LE))
    assert fault.reason is Reason.UNDECODABLE_FRAME
    assert f"{size} bytes are not a whole number of frames of 24 bytes" in fault.detail


def test_a_frame_of_no_number_fails_alone() -> None:
    stack = np.array([[[np.nan]], [[np.inf]], [[3.0]]], np.float32)
    first, second, third = read(stack.tobytes(), RawLayout(1, 1, RawType.F32LE))
    assert isinstance(first, ServiceError)
    assert isinstance(second, ServiceError)
    assert isinstance(third, Frame)


def test_frames_and_pixels_are_counted() -> None:
    layout = RawLayout(4, 3, RawType.U8)
    assert len(read(bytes(36), layout, max_frames=3, max_pixels=3 * 32 * 32)) == 3
    assert refusal(bytes(36), layout, max_frames=2).reason is Reason.TOO_MANY_FRAMES
    assert refusal(bytes(36), layout, max_pixels=3 * 32 * 32 - 1).reason is Reason.TOO_MANY_PIXELS


REAL = sorted(kind for kind in RawType if not kind.is_packed)


@pytest.mark.parametrize("kind", REAL)
def test_every_type_is_read(kind: RawType) -> None:
    counts = np.arange(1, 13).reshape(3, 4).astype(kind.dtype)
    (frame,) = read(counts.tobytes(), RawLayout(4, 3, kind))
    assert isinstance(frame, Frame)
    assert (frame.counts.tolist(), frame.dtype) == (counts.tolist(), kind.dtype.name)
    if kind.dtype.kind == "i":
        negative = (-counts).astype(kind.dtype)
        (frame,) = read(negative.tobytes(), RawLayout(4, 3, kind))
        assert isinstance(frame, Frame)
        assert frame.counts.tolist() == negative.tolist()


@pytest.mark.parametrize("width", [4, 5])
def test_packed_counts_share_a_byte(width: int) -> None:
    counts = np.arange(2 * width, dtype=np.uint16).reshape(2, width) * 397 % 4096
    little, big = b"", b""
    for row in counts.tolist():
        length = (12 * width + 7) // 8
        little += sum(count << 12 * index for index, count in enumerate(row)).to_bytes(length, "little")
        big += (int("".join(f"{count:012b}" for count in row), 2) << (8 * length - 12 * width)).to_bytes(length, "big")
    for kind, body in ((RawType.U12LE, little), (RawType.U12BE, big)):
        (frame,) = read(body, RawLayout(width, 2, kind))
        assert isinstance(frame, Frame)
        assert (frame.counts.tolist(), frame.dtype) == (counts.tolist(), "uint16")


@pytest.mark.parametrize("last_padding", [True, False])
def test_headers_padding_and_telemetry_are_left_out(last_padding: bool) -> None:
    frames = np.arange(2 * 5 * 6, dtype=np.uint8).reshape(2, 5, 6)
    body = b"head" + frames.tobytes()
    layout = RawLayout(4, 5, RawType.U8, skip=4, stride=6, rows=(1, 4))
    for frame, expected in zip(read(body if last_padding else body[:-2], layout), frames, strict=True):
        assert isinstance(frame, Frame)
        np.testing.assert_array_equal(frame.counts, expected[1:4, :4])


@pytest.mark.parametrize("skip", [40, 41, 10**9])
def test_a_header_longer_than_the_body_is_refused(skip: int) -> None:
    assert "after the first" in refusal(bytes(40), RawLayout(4, 3, RawType.U8, skip=skip)).detail


@pytest.mark.parametrize("text", ["", "1", "1:", ":2", "2:1", "1:1", "-1:2", "1:2:3", "a:b", "1.0:2", "1:" + "9" * 30])
def test_rows_of_another_form_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="TOP:BOTTOM"):
        parse_rows(text)


def test_rows_of_telemetry_do_not_count_as_pixels() -> None:
    layout = RawLayout(64, 100, RawType.U8, rows=(0, 64))
    assert len(read(bytes(6400), layout, max_pixels=64 * 64)) == 1
