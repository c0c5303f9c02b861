"""The tests of the service run where torch is not installed, as the service does."""

import os
import subprocess
import sys

from tests.support.paths import ROOT

COLLECT = """
import sys
import pytest

class TorchIsMissing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, TorchIsMissing())
ended = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", "tests/service"])
sys.exit(ended or "torch" in sys.modules)
"""


def test_no_test_of_the_service_needs_torch() -> None:
    command = [sys.executable, "-c", COLLECT]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # plugins take seconds
    collected = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert collected.returncode == 0, collected.stdout[-2000:] + collected.stderr[-2000:]
