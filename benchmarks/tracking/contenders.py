"""Trackers of other libraries, each set up as its documentation says. Runs in a virtual environment of its own.

``VENV/bin/python contenders.py NAME`` reads sequences as JSON from standard input: for each frame the shift of the
scene and targets ``[x, y, left, top, width, height, confidence]``. It writes ``[id, confirmed]`` for each target.

Every tracker gets the positions in the scene: the camera's motion is taken out before. Confirmation is three sightings,
the gate 6 pixels, and a track may be hidden for 15 frames.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

GATE, PATIENCE, HITS = 6.0, 15, 3
GROWN = 8.0  # pixels on each side: trackers by overlap see boxes of about 19 pixels, because those of 3 never overlap

Frame = list[list[float]]
Step = Callable[[Frame], list[list[int]]]


def norfair() -> Step:
    """Points and the Euclidean distance, as the documentation says for single points."""
    from norfair import Detection, Tracker

    tracker = Tracker("euclidean", GATE, hit_counter_max=PATIENCE, initialization_delay=HITS - 1)

    def step(frame: Frame) -> list[list[int]]:
        detections = [Detection(np.array([[x, y]]), np.array([c])) for x, y, *_, c in frame]
        tracker.update(detections)
        owner = {id(track.last_detection): track for track in tracker.tracked_objects}
        tracks = [owner.get(id(detection)) for detection in detections]
        return [[-1, 0] if track is None else [track.initializing_id, int(track.id is not None)] for track in tracks]

    return step


def _roboflow(tracker: Any) -> Step:
    import supervision as sv

    def step(frame: Frame) -> list[list[int]]:
        if not frame:
            tracker.update(sv.Detections.empty())
            return []
        rows = np.array(frame)
        boxes = np.concatenate([rows[:, :2] - GROWN - 1.5, rows[:, :2] + GROWN + 1.5], axis=1)
        detections = sv.Detections(boxes, confidence=rows[:, 6], class_id=np.zeros(len(rows), int))
        detections.data["row"] = np.arange(len(rows))
        tracked = tracker.update(detections)
        given = dict(zip(tracked.data["row"].tolist(), tracked.tracker_id.tolist(), strict=True))
        return [[given.get(row, -1), int(given.get(row, -1) >= 0)] for row in range(len(rows))]

    return step


def bytetrack() -> Step:
    """ByteTrack on grown boxes; every confidence may begin a track."""
    from trackers import ByteTrackTracker

    return _roboflow(
        ByteTrackTracker(
            lost_track_buffer=PATIENCE,
            track_activation_threshold=0.0,
            minimum_consecutive_frames=HITS,
            high_conf_det_threshold=0.0,
        )
    )


def ocsort() -> Step:
    """OC-SORT on grown boxes."""
    from trackers import OCSORTTracker

    return _roboflow(
        OCSORTTracker(
            lost_track_buffer=PATIENCE,
            minimum_consecutive_frames=HITS,
            minimum_iou_threshold=0.1,
            high_conf_det_threshold=0.0,
        )
    )


def stonesoup() -> Step:
    """Constant velocity, Kalman filter, nearest neighbours together, and an initiator of several sightings."""
    from datetime import datetime, timedelta

    from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
    from stonesoup.deleter.time import UpdateTimeStepsDeleter
    from stonesoup.hypothesiser.distance import DistanceHypothesiser
    from stonesoup.initiator.simple import MultiMeasurementInitiator
    from stonesoup.measures import Mahalanobis
    from stonesoup.models.measurement.linear import LinearGaussian
    from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
    from stonesoup.predictor.kalman import KalmanPredictor
    from stonesoup.types.detection import Detection
    from stonesoup.types.state import GaussianState
    from stonesoup.updater.kalman import KalmanUpdater

    model = LinearGaussian(4, (0, 2), np.diag([0.25, 0.25]))
    predictor = KalmanPredictor(CombinedLinearGaussianTransitionModel([ConstantVelocity(0.09)] * 2))
    updater = KalmanUpdater(model)
    hypothesiser = DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=3.7)
    associator = GNNWith2DAssignment(hypothesiser)
    prior = GaussianState([[0], [0], [0], [0]], np.diag([0, 4.0, 0, 4.0]))
    initiator = MultiMeasurementInitiator(
        prior, UpdateTimeStepsDeleter(2), associator, updater, model, min_points=HITS, updates_only=True
    )
    deleter, tracks, ids = UpdateTimeStepsDeleter(PATIENCE), set[Any](), dict[str, int]()
    now = [datetime(2026, 1, 1)]

    def step(frame: Frame) -> list[list[int]]:
        now[0] += timedelta(seconds=1)
        detections = [Detection([[x], [y]], timestamp=now[0], measurement_model=model) for x, y, *_ in frame]
        used, owner = set(), {}
        if tracks:
            for track, hypothesis in associator.associate(tracks, set(detections), now[0]).items():
                track.append(updater.update(hypothesis) if hypothesis else hypothesis.prediction)
                if hypothesis:
                    used.add(hypothesis.measurement)
        tracks.difference_update(deleter.delete_tracks(tracks))
        tracks.update(initiator.initiate(set(detections) - used, now[0]))
        for confirmed, group in ((1, tracks), (0, initiator.holding_tracks)):
            for track in group:
                measured = getattr(getattr(track.state, "hypothesis", None), "measurement", None)
                owner[id(measured)] = [ids.setdefault(track.id, len(ids)), confirmed]
        return [owner.get(id(detection), [-1, 0]) for detection in detections]

    return step


CONTENDERS = {one.__name__: one for one in (norfair, bytetrack, ocsort, stonesoup)}


def main() -> None:
    """Run one tracker over all sequences; also measure its time."""
    make = CONTENDERS[sys.argv[1]]
    answers, seconds, frames = [], 0.0, 0
    for sequence in json.load(sys.stdin):
        step, camera, answer = make(), np.zeros(2), []
        for shift, targets in sequence:
            camera -= shift
            scene = [[x + camera[0], y + camera[1], *rest] for x, y, *rest in targets]
            began = time.perf_counter()
            answer.append(step(scene))
            seconds += time.perf_counter() - began
            frames += 1
        answers.append(answer)
    json.dump({"answers": answers, "ms": 1000 * seconds / max(frames, 1)}, sys.stdout)


if __name__ == "__main__":
    main()
