"""Raw sensor rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, RawLayout, RawType, decode

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
