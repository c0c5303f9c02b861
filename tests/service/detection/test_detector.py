"""The line from a frame to its targets, with models whose answers are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from intensity import Range, auto_range, to_intensity
from service.detection.detector import Detection, Detector
from service.detection.options import Options, Polarity, RangeMode
from service.errors import Reason, ServiceError
from service.frames import Budget, Frame, decode
from tests.support import frames as files
from tests.support.small_models import STRIDE

FULL = Range(0, 255)
SIZES = [(1, 1), (1, 9), (7, 13), (8, 8), (17, 31), (16, 1)]


def frame_of(pixels: NDArray[np.generic]) -> Frame:
    (frame,) = decode(files.npy(pixels), None, Budget())
    assert isinstance(frame, Frame)
    return frame


def detect(detector: Detector, pixels: NDArray[np.generic], **options: object) -> Detection:
    return detector.detect(frame_of(pixels), Options(**options))  # type: ignore[arg-type]


def areas(detection: Detection) -> list[int]:
    return [target.area for target in detection.found.targets]


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), SIZES[1:])
def test_any_size_is_answered_for_its_own_pixels(brightness: Detector, height: int, width: int) -> None:
    pixels = noise(height, width)
    detection = detect(brightness, pixels, range=FULL)
    np.testing.assert_allclose(detection.probabilities, pixels / 255, atol=1e-6)
    np.testing.assert_array_equal(detection.found.mask, pixels > 127.5)


@pytest.mark.parametrize("span", [RangeMode.AUTO, RangeMode.DTYPE, RangeMode.MINMAX, FULL])
def test_a_frame_of_one_pixel_has_no_target(everything: Detector, span: RangeMode | Range) -> None:
    detection = detect(everything, np.array([[200]], np.uint8), range=span)
    assert areas(detection) == []
    assert detection.found.mask.shape == detection.probabilities.shape == (1, 1)


@pytest.mark.parametrize(("height", "width"), SIZES[1:])
def test_padding_continues_the_edge_to_the_right_and_below(brightness: Detector, height: int, width: int) -> None:
    (padded,) = brightness.prepare(frame_of(noise(height, width)), Options(range=FULL)).inputs
    assert padded.shape[:2] == (1, 1)
    assert padded.shape[2] % STRIDE == padded.shape[3] % STRIDE == 0
    image, pixels = padded[0, 0], noise(height, width)
    np.testing.assert_array_equal(image[:height, :width], pixels)
    right, below = image[:height, width:], image[height:]
    np.testing.assert_array_equal(right, np.broadcast_to(pixels[:, -1:], right.shape))
    np.testing.assert_array_equal(below, np.broadcast_to(image[height - 1], below.shape))


@pytest.mark.parametrize(("height", "width"), SIZES[1:])
def test_the_range_is_that_of_the_frames_own_pixels(brightness: Detector, height: int, width: int) -> None:
    pixels = noise(height, width)
    pixels[-1, -1] = 255  # what continues it does not count
    prepared = brightness.prepare(frame_of(pixels), Options())
    assert prepared.span == auto_range(pixels)
    np.testing.assert_allclose(
        prepared.inputs[0][0, 0, :height, :width], to_intensity(pixels, auto_range(pixels)), atol=1e-4
    )


def test_a_target_at_the_edge_ends_with_the_frame(brightness: Detector) -> None:
    pixels = np.zeros((9, 9), np.uint8)
    pixels[7:, 7:] = 255
    (target,) = detect(brightness, pixels).found.targets
    assert (target.area, target.bbox) == (4, (7, 7, 2, 2))
    assert target.centroid == pytest.approx((7.5, 7.5))


@pytest.mark.parametrize("polarity", Polarity)
@pytest.mark.parametrize("span", [RangeMode.AUTO, RangeMode.DTYPE, RangeMode.MINMAX, FULL])
def test_a_constant_frame_has_no_target(everything: Detector, span: RangeMode | Range, polarity: Polarity) -> None:
    detection = detect(everything, np.full((9, 12), 200, np.uint16), range=span, polarity=polarity)
    assert areas(detection) == []
    assert not detection.probabilities.any()


def test_a_frame_that_lies_outside_the_range_has_no_target(everything: Detector) -> None:
    assert areas(detect(everything, noise(9, 9), range=Range(1000, 2000))) == []


def test_a_hot_pixel_hides_no_target(brightness: Detector) -> None:
    scene = np.random.default_rng(0).normal(8000, 20, (128, 160))
    scene[30:33, 40:43] += 300
    pixels = scene.astype(np.uint16)
    pixels[5, 5] = 65535
    centroids = [t.centroid for t in detect(brightness, pixels).found.targets if t.area == 9]
    assert centroids == [pytest.approx((41, 31), abs=0.01)]
    assert areas(detect(brightness, pixels, range=RangeMode.MINMAX)) == [1], "only the hot pixel, as asked for"


def test_a_frame_gives_the_same_targets_in_8_14_and_16_bits(brightness: Detector) -> None:
    pixels = noise(20, 30) // 2
    pixels[4:6, 4:7] = 250
    reference = detect(brightness, pixels).found
    assert reference.targets
    for counts in (pixels.astype(np.uint16) * 64 + 100, pixels.astype(np.uint16) * 257, pixels.astype(np.float32) / 4):
        found = detect(brightness, counts).found
        np.testing.assert_array_equal(found.mask, reference.mask)
        for target, expected in zip(found.targets, reference.targets, strict=True):
            assert target.centroid == pytest.approx(expected.centroid, abs=1e-3)
            assert target.confidence == pytest.approx(expected.confidence, abs=1e-3)


@pytest.mark.parametrize("invalid", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_no_number_is_never_a_target(everything: Detector, invalid: float) -> None:
    pixels = noise(9, 12).astype(np.float32)
    pixels[2, 3] = pixels[4, 5:9] = invalid
    detection = detect(everything, pixels)
    np.testing.assert_array_equal(detection.found.mask, np.isfinite(pixels))
    assert detection.info.invalid_pixels == 5
    assert np.isfinite(detection.probabilities).all()


def test_pixels_that_are_no_number_leave_the_range_and_the_targets_as_they_were(brightness: Detector) -> None:
    pixels = noise(20, 30).astype(np.float32)
    clean = detect(brightness, pixels)
    pixels[0, :3] = np.inf, -np.inf, np.nan
    for span in (RangeMode.AUTO, RangeMode.MINMAX):
        detection = detect(brightness, pixels, range=span)
        assert detection.span == clean.span
        np.testing.assert_array_equal(detection.found.mask[1:], clean.found.mask[1:])


def test_a_frame_that_is_constant_but_for_invalid_pixels_has_no_target(everything: Detector) -> None:
    pixels = np.full((9, 9), 5, np.float32)
    pixels[3, 3] = np.nan
    assert areas(detect(everything, pixels)) == []


def test_each_range_maps_the_counts_that_it_names(brightness: Detector) -> None:
    pixels = np.tile(np.array([10, 20, 30, 40], np.uint8), (8, 2))
    spans: dict[RangeMode | Range, Range] = {
        RangeMode.AUTO: Range(10, 40),
        RangeMode.MINMAX: Range(10, 40),
        RangeMode.DTYPE: FULL,
        Range(15, 25): Range(15, 25),
    }
    for wanted, span in spans.items():
        detection = detect(brightness, pixels, range=wanted)
        assert detection.span == span
        expected = np.clip((pixels.astype(np.float64) - span.low) / (span.high - span.low), 0, 1)
        np.testing.assert_allclose(detection.probabilities, expected, atol=1e-6)
    assert detect(brightness, pixels.astype(np.uint16), range=RangeMode.DTYPE).span == Range(0, 65535)


def test_the_range_of_a_type_means_nothing_for_floats(brightness: Detector) -> None:
    with pytest.raises(ServiceError, match="range=dtype needs integer counts, but this frame is float32") as caught:
        detect(brightness, noise(4, 5).astype(np.float32), range=RangeMode.DTYPE)
    assert caught.value.reason is Reason.BAD_PARAMETER


def test_dark_targets_are_found_where_black_is_hot(brightness: Detector) -> None:
    pixels = np.full((16, 16), 200, np.uint8)
    pixels[4:6, 7:10] = 20
    assert areas(detect(brightness, pixels)) == [250]
    dark = detect(brightness, pixels, polarity=Polarity.BLACK_HOT)
    assert [t.bbox for t in dark.found.targets] == [(7, 4, 3, 2)]
    np.testing.assert_allclose(dark.probabilities, detect(brightness, 255 - pixels).probabilities, atol=1e-6)


def test_the_cards_threshold_holds_until_a_caller_gives_another(brightness: Detector) -> None:
    pixels = np.array([[0, 100, 0, 200, 0, 255, 0, 0]] * 2, np.uint8)
    assert areas(detect(brightness, pixels, range=FULL)) == [2, 2]
    assert areas(detect(brightness, pixels, range=FULL, threshold=0.3)) == [2, 2, 2]
    assert areas(detect(brightness, pixels, range=FULL, threshold=0.9)) == [2]


def test_what_a_caller_asks_of_targets_is_heeded(brightness: Detector) -> None:
    pixels = np.array([[255, 0, 200, 200, 0, 180, 180, 180]], np.uint8)
    assert areas(detect(brightness, pixels, min_area=2)) == [2, 3]
    assert areas(detect(brightness, pixels, min_confidence=0.75)) == [1, 2]
    only = detect(brightness, pixels, max_targets=1)
    assert areas(only) == [1]
    assert only.found.truncated
