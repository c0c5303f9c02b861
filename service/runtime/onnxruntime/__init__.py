"""Models on ONNX Runtime, and the only place that imports it."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # official builds report to Microsoft unless this is set
