"""What the log says when models are taken into service."""

from pathlib import Path

import pytest

from tests.support.server import StartServer
from tests.support.small_models import write_small_model

WARNING = "has no calibration"


def test_a_model_without_calibration_is_named(
    start_server: StartServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start_server(models=write_small_model(tmp_path / "a.onnx", version="7").parent)
    (warning,) = (record for record in caplog.records if WARNING in record.message)
    assert warning.levelname == "WARNING"
    assert warning.message.startswith("small@7 ")


def test_the_model_that_ships_has_one(start_server: StartServer, caplog: pytest.LogCaptureFixture) -> None:
    start_server()
    assert WARNING not in caplog.text
