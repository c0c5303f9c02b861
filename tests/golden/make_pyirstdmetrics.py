"""Writes ``pyirstdmetrics.npz``: masks, and the scores that pyirstdmetrics 1.0.2 (PyPI, MIT) gives them.

The package allows only NumPy 1, so it cannot be installed beside this project. In an environment of its own:

    pip install pyirstdmetrics==1.0.2
    python tests/golden/make_pyirstdmetrics.py
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FRAMES, ROWS, COLUMNS = 60, 48, 64
OUT = Path(__file__).with_name("pyirstdmetrics.npz")
Masks = NDArray[np.bool_]


def make_masks() -> tuple[Masks, Masks]:
    """True and predicted masks ``[60, 48, 64]``: objects moved by 0 to 4 pixels, missed, merged, torn and invented."""
    rng = np.random.default_rng(7)
    masks, predictions = np.zeros((2, FRAMES, ROWS, COLUMNS), bool)
    for mask, prediction in zip(masks, predictions, strict=True):
        for _ in range(rng.integers(0, 6)):
            y, x = rng.integers(4, ROWS - 8), rng.integers(4, COLUMNS - 8)
            height, width = rng.integers(1, 5, 2)
            mask[y : y + height, x : x + width] = True
            if rng.random() < 0.8:
                dy, dx = rng.integers(-1, 2, 2) * rng.choice([0, 0, 1, 2, 3])
                prediction[y + dy : y + dy + height, x + dx : x + dx + rng.integers(1, 5)] = True
        prediction |= ndimage.binary_dilation(rng.random((ROWS, COLUMNS)) < 0.0005, iterations=rng.integers(1, 3))
        prediction &= rng.random((ROWS, COLUMNS)) < 0.9
        if not mask.any() and not prediction.any():
            prediction[3, 3] = True  # the package gives an empty frame an IoU of 0, where others leave it out
    return masks, predictions


def main() -> None:
    """Score the masks and write the file."""
    import py_irstd_metrics as theirs  # type: ignore[import-not-found]

    masks, predictions = make_masks()
    by_target = theirs.ProbabilityDetectionAndFalseAlarmRate(num_bins=1, distance_threshold=3)
    of_all = theirs.CMMetrics(
        num_bins=1,
        metric_handlers={
            "iou": theirs.IoUHandler(with_dynamic=False, with_binary=True, sample_based=False),
            "niou": theirs.IoUHandler(with_dynamic=False, with_binary=True, sample_based=True),
            "f1": theirs.FmeasureHandler(with_dynamic=False, with_binary=True, sample_based=False, beta=1),
        },
    )
    for mask, prediction in zip(masks, predictions, strict=True):
        by_target.update(prediction.astype(float), mask)
        of_all.update(prediction.astype(float), mask)
    found, pixels = by_target.get(), of_all.get()
    scores: dict[str, Any] = {
        "pd": found["probability_detection"][0],
        "fa": found["false_alarm"][0],
        "false_objects": by_target.fp_objs[0],
        **{name: pixels[name]["binary"] for name in ("iou", "niou", "f1")},
    }
    np.savez_compressed(OUT, masks=masks, predictions=predictions, **scores)
    print(scores)  # noqa: T201


if __name__ == "__main__":
    main()
