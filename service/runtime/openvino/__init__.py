"""Models on OpenVINO, for CPUs, and the only place that imports it."""

import sys

# `import openvino` reports its use to Google Analytics, if it finds this package; None makes its import fail
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

# `import openvino` also imports converters of models, if it finds them: 30 ms and 4 MB for what no server does
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
