"""Models on OpenVINO, for CPUs, and the only place that imports it."""

import sys

# `import openvino` reports its use to Google Analytics, if it finds this package; None makes its import fail
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
