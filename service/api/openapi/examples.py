"""Examples of bodies and answers for ``/docs``. They come from a real server, and a test compares them with one."""

from itertools import chain
from typing import Any, Final, NamedTuple

SIDE: Final = 8  # of the frame in the examples, in pixels; small, because /docs writes each pixel on a line of its own
ROWS: Final = [[100 + (3 * x + 5 * y) % 7 for x in range(SIDE)] for y in range(SIDE)]
ROWS[3][3:5], ROWS[4][3:5] = [900, 860], [840, 800]  # the target
CARD: Final[dict[str, Any]] = {
    "format": 1,
    "name": "rrcanet",
    "version": "1",
    "description": "RRCA-Net on five public datasets, without any frame of a test split",
    "trained_on": ["NUAA-SIRST", "IRSTD-1k", "DenseSIRST", "NUDT-SIRST", "SIRST-v2-empty"],
    "split": "train",
    "recipe": "generalist-wide",
    "steps": 11000,
    "seed": 0,
    "commit": "ff2aff06a928",
    "parameters": 202089,
    "in_channels": 1,
    "pool_window": None,
    "threshold": 0.5,
    "threshold_rule": "highest IoU at which no dataset has a lower IoU than at 0.5",
    "stride": 8,
    "precision": "fp32",
    "opset": 18,
    "cuda_gate": "graph",
    "calibration": {
        "score": "peak",
        "scores": [0.0, 0.994187, 0.999757, 1.0],
        "confidences": [0.1625, 0.214, 0.9708, 0.9994],
        "fitted_on": "held-out frames: 1210 targets found",
    },
    "operating_points": {
        "confidences": [0.0, 0.2334, 0.9699],
        "pd": [0.9563, 0.9463, 0.9263],
        "false_alarms_per_mpx": [2.2997, 0.9401, 0.1012],
        "targets": 1099,
        "megapixels": 69.138,
        "measured_on": "held-out frames",
        "known_from_per_mpx": 0.44,
    },
    "bf16": {
        "passed": True,
        "iou": 0.0004,
        "detected": 1,
        "fa": -0.0579,
        "frames": 182,
        "targets": 1099,
        "measured_on": "held-out frames",
        "engine": "openvino 2026.4.1",
    },
    "measurements": [
        {
            "dataset": "NUAA-SIRST",
            "split": "test",
            "grid": "256",
            "range": "auto",
            "frames": 214,
            "iou": 0.718,
            "niou": 0.7026,
            "pd": 0.9696,
            "fa_identity": 11.91,
            "fa_legacy": 11.12,
        }
    ],
    "sha256": "0e49afdea6e551770f3dd1ddc086a3673fe1197196704880b3082853a0db8e01",
    "provider": "CPUExecutionProvider",
    "engine": "onnxruntime",
    "engine_precision": "f32",
    "share": 1.0,
}
TARGET: Final[dict[str, Any]] = {
    "id": 1,
    "confidence": 0.9985,
    "centroid": {"x": 3.5, "y": 3.5},
    "bbox": {"x": 3, "y": 3, "width": 2, "height": 2},
    "area": 4,
    "peak": {"x": 3, "y": 3, "probability": 1.0},
    "signal": {"peak": 900.0, "mean": 850.0, "background": 102.9166667, "noise": 2.0272, "scr": 368.52},
}
INFERRED: Final = {
    "model_name": "rrcanet-detector",
    "model_version": "1",
    "outputs": [
        {
            "name": "targets",
            "datatype": "FP32",
            "shape": [1, 10],
            "data": [0.0, 0.9985, 3.5, 3.5, 3.0, 3.0, 2.0, 2.0, 4.0, 1.0],
        }
    ],
}
METADATA: Final = {
    "name": "rrcanet-detector",
    "versions": ["1"],
    "platform": "rrcanet_onnx",
    "inputs": [{"name": "frames", "datatype": "UINT16", "shape": [-1, -1, -1]}],
    "outputs": [
        {"name": "targets", "datatype": "FP32", "shape": [-1, 10]},
        {"name": "mask", "datatype": "UINT8", "shape": [-1, -1, -1]},
    ],
}
TENSOR: Final = {"name": "frames", "datatype": "UINT16", "shape": [1, SIDE, SIDE], "data": [*chain(*ROWS)]}
INFER: Final = {"inputs": [TENSOR], "outputs": [{"name": "targets"}]}


class Example(NamedTuple):
    """The JSON of an answer, and the JSON that one may send for it."""

    answer: Any
    body: Any = None


# by method and path; those with a version answer as those without
EXAMPLES: Final = {
    "POST /v1/detect": Example(
        {
            "model": {"name": "rrcanet", "version": "1", "sha256": CARD["sha256"]},
            "frames": [
                {
                    "index": 0,
                    "name": None,
                    "width": SIDE,
                    "height": SIDE,
                    "input": {"dtype": "uint16", "range": [100.0, 900.0]},
                    "targets": [TARGET],
                    "mask": {"encoding": "rle", "size": [SIDE, SIDE], "counts": "k0260e0"},
                }
            ],
            "timing_ms": {"decode": 1.2, "queue": 0.3, "inference": 24.6, "postprocess": 1.2, "total": 27.3},
        }
    ),
    "GET /v1/limits": Example(
        {
            "max_body_bytes": 33554432,
            "max_pixels": 4194304,
            "smallest_side": 32,
            "max_frames": 64,
            "max_parts": 64,
            "request_timeout_s": 30.0,
            "latency_objective_ms": 1000.0,
            "formats": ["image/png", "image/tiff", "application/x-npy"],
            "parameters": ["model", "threshold", "mask", "range"],
        }
    ),
    "GET /v1/models": Example({"models": [CARD]}),
    "GET /v1/models/{name}": Example(CARD),
    "GET /livez": Example({"status": "live"}),
    "GET /readyz": Example({"status": "ready"}),
    "GET /v2": Example({"name": "rrcanet-serve", "version": "0.1.0", "extensions": ["binary_tensor_data"]}),
    "GET /v2/health/live": Example({"live": True}),
    "GET /v2/health/ready": Example({"ready": True}),
    "GET /v2/models/{model}": Example(METADATA),
    "GET /v2/models/{model}/ready": Example({"name": "rrcanet-detector", "ready": True}),
    "POST /v2/models/{model}/infer": Example(INFERRED, INFER),
}


def example_of(method: str, path: str) -> Example | None:
    """The example of a route; None if it has none."""
    return EXAMPLES.get(f"{method.upper()} {path.replace('/versions/{version}', '')}")
