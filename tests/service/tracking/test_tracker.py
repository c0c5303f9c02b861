"""Tracks keep their ids through crossings, gaps and a moving camera, and say what is confirmed and static."""

import numpy as np
import pytest

from service.detection.targets import Box, Peak, Point, Target
from service.tracking.camera import Shift
from service.tracking.settings import TrackSettings, parse_confirmation
from service.tracking.track import attach_tracks
from service.tracking.tracker import MOST_TARGETS, Tracker


def at(*places: tuple[float, float]) -> list[Target]:
    return [Target(k, 0.9, Point(x, y), Box(int(x), int(y), 1, 1), 1, Peak(int(x), int(y), 0.9))
            for k, (x, y) in enumerate(places, 1)]  # fmt: skip


def ids(tracker: Tracker, *frames: list[tuple[float, float]], shift: Shift = Shift(0, 0)) -> list[list[int]]:
    return [[track.id for track in tracker.update(at(*places), shift) if track] for places in frames]


def test_a_target_keeps_its_id_and_gets_its_age_and_velocity() -> None:
    tracker = Tracker()
    for age in range(1, 31):
        (track,) = tracker.update(at((10 + 1.5 * age, 40 - 0.5 * age)))
        assert track is not None
        assert (track.id, track.age) == (1, age)
    assert track is not None
    assert track.velocity == pytest.approx((1.5, -0.5), abs=0.05)
    assert not track.static


def test_targets_that_cross_keep_their_ids() -> None:
    frames = [[(10.0 + 2 * t, 20.0 + t), (90.0 - 2 * t, 20.0 + t)] for t in range(41)]  # they meet in frame 20
    assert ids(Tracker(), *frames) == [[1, 2]] * 41


def test_a_hidden_target_keeps_its_id_until_patience_ends() -> None:
    for gap, after in ((10, [1]), (40, [2])):
        tracker = Tracker(TrackSettings(patience=15))
        ids(tracker, *[[(10.0 + t, 20.0)] for t in range(10)], *[[]] * gap)
        assert ids(tracker, [(20.0 + gap, 20.0)]) == [after]


def test_a_track_is_confirmed_once_it_was_seen_in_m_of_n_frames() -> None:
    tracker = Tracker(TrackSettings(confirm_hits=3, confirm_frames=5))
    seen = [tracker.update(at((5, 5))) if hit else tracker.update([]) for hit in (1, 0, 1, 0, 1, 0, 1)]
    assert [tracks[0].confirmed for tracks in seen if tracks and tracks[0]] == [False, False, True, True]


def test_what_is_seen_too_rarely_is_not_confirmed() -> None:
    tracker = Tracker(TrackSettings(confirm_hits=3, confirm_frames=5))
    for frame in range(60):
        for track in tracker.update(at((5, 5)) if frame % 3 == 0 else []):
            assert track is not None
            assert not track.confirmed


def test_a_pixel_that_flickers_does_not_stay_confirmed() -> None:
    rng, tracker = np.random.default_rng(1), Tracker()
    seen = [tracker.update(at((5, 5)) if rng.random() < 0.3 else []) for _ in range(400)]
    confirmed = [track.confirmed for tracks in seen for track in tracks if track]
    assert len(confirmed) > 80
    assert np.mean(confirmed) < 0.1


def test_tracks_that_jump_together_show_how_the_camera_moved() -> None:
    rng, tracker = np.random.default_rng(2), Tracker()
    stars = rng.uniform(20, 200, (6, 2))
    for frame in range(40):
        jump = rng.uniform(-2, 2, 2) if frame > 5 else np.zeros(2)
        tracks = tracker.update(at(*((x, y) for x, y in stars + jump)))
        assert [track and track.id for track in tracks] == [1, 2, 3, 4, 5, 6]
        assert all(np.hypot(*track.velocity) < 1 for track in tracks if track)


@pytest.mark.parametrize("moves", [(1, 0), (-0.5, 2)])
def test_velocity_is_against_the_scene_when_the_camera_moves(moves: tuple[float, float]) -> None:
    tracker, place = Tracker(), np.array([50.0, 50.0])
    for _ in range(40):
        place += (-1.0 + moves[0], moves[1])  # the scene moves one pixel to the left in the picture
        (track,) = tracker.update(at((place[0], place[1])), Shift(-1, 0))
    assert track is not None
    assert track.velocity == pytest.approx(moves, abs=0.05)


def test_a_spot_in_the_scene_and_a_pixel_of_the_sensor_are_static_and_a_slow_target_is_not() -> None:
    rng, tracker, camera = np.random.default_rng(3), Tracker(), np.zeros(2)
    for frame in range(60):
        moved = rng.normal(0, 2, 2)
        camera += moved
        chimney, slow, pixel = (np.array([60.0, 60.0]) - camera, (150 + 0.1 * frame, 90) - camera, (300.0, 200.0))
        tracks = tracker.update(at(*((x, y) for x, y in (chimney, slow, pixel))), Shift(*-moved))
        assert [track and track.id for track in tracks] == [1, 2, 3]
    assert [track and track.static for track in tracks] == [True, False, True]


def test_frames_that_were_passed_over_count_as_frames() -> None:
    tracker = Tracker()
    for frame in range(0, 60, 3):
        (track,) = tracker.update(at((10 + 2.0 * frame, 20)), step=3 if frame else 1)
    assert track is not None
    assert (track.id, track.age) == (1, 58)
    assert track.velocity == pytest.approx((2, 0), abs=0.05)


def test_very_many_targets_are_bounded_and_the_most_confident_get_tracks() -> None:
    places = np.random.default_rng(0).uniform(0, 500, (MOST_TARGETS + 3, 2))
    tracks = Tracker().update(at(*((x, y) for x, y in places)))
    assert tracks[MOST_TARGETS:] == [None] * 3
    assert all(tracks[:MOST_TARGETS])


def test_an_answer_gets_its_field_track() -> None:
    targets = [{"id": 1}, {"id": 2}]
    (track,) = Tracker().update(at((5, 5)))
    attach_tracks(targets, [track, None])
    expected = {"id": 1, "age": 1, "velocity": {"x": 0.0, "y": 0.0}, "confirmed": False, "static": False}
    assert targets == [{"id": 1, "track": expected}, {"id": 2}]


@pytest.mark.parametrize("text", ["3", "5/3", "0/4", "a/b", "1/100", "3/5/7", ""])
def test_a_confirmation_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be M/N|needs 1 <= M <= N"):
        parse_confirmation(text)


def test_a_confirmation_is_read() -> None:
    assert parse_confirmation("2/4") == (2, 4)
