"""The columns of the Parquet files, and the row of a frame."""

from typing import Any, Final

import pyarrow as pa

from distributed.job import Job
from service.detection.description import describe_target
from service.detection.detector import Detection
from service.errors import ServiceError

POINT: Final = pa.struct({"x": pa.float64(), "y": pa.float64()})
BOX: Final = pa.struct({side: pa.int32() for side in ("x", "y", "width", "height")})
PEAK: Final = pa.struct({"x": pa.int32(), "y": pa.int32(), "probability": pa.float64()})
COUNTS: Final = ("peak", "mean", "background", "noise", "scr", "temperature_c")
TARGET: Final = pa.struct(
    {
        "id": pa.int32(),
        "confidence": pa.float64(),
        "centroid": POINT,
        "bbox": BOX,
        "area": pa.int32(),
        "peak": PEAK,
        "signal": pa.struct({name: pa.float64() for name in COUNTS}),
    }
)
SCHEMA: Final = pa.schema(
    {
        "path": pa.string(),
        "page": pa.int32(),
        "width": pa.int32(),
        "height": pa.int32(),
        "targets": pa.list_(TARGET),
        "warnings": pa.list_(pa.string()),
        "error": pa.string(),
        "model": pa.string(),
        "version": pa.string(),
    }
)

Row = dict[str, Any]


def row_of(job: Job, path: str, page: int, detection: Detection) -> Row:
    """The row of a frame that was read."""
    info, found = detection.info, detection.found
    warnings = list(info.warnings)
    if found.truncated:
        warnings.append(f"the frame has more targets than the {len(found.targets)} most confident ones that are here")
    return _row(job, path, page) | {
        "width": info.width,
        "height": info.height,
        "targets": [describe_target(target) for target in found.targets],
        "warnings": warnings,
    }


def fault_row(job: Job, path: str, page: int, fault: BaseException | str) -> Row:
    """The row of a frame that could not be read or answered."""
    return _row(job, path, page) | {"error": _error(fault)}


def _row(job: Job, path: str, page: int) -> Row:
    return {
        "path": path,
        "page": page,
        "width": None,
        "height": None,
        "targets": None,
        "warnings": [],
        "error": None,
        "model": job.name,
        "version": job.version,
    }


def _error(fault: BaseException | str) -> str:
    """Reason and detail, as valid UTF-8 text: names of files may be none."""
    if isinstance(fault, ServiceError):
        text = f"{fault.reason.value}: {fault.detail}"
    else:
        text = f"internal: {fault if isinstance(fault, str) else repr(fault)}"
    return text.encode("utf-8", "backslashreplace").decode()
