"""The contract of HTTP on the engine that a server takes by default. All other tests run on ONNX Runtime."""

import os
import subprocess
import sys

from service.settings import Settings
from tests.service.other_servers import CONTRACT, CONTRACT_S
from tests.support.paths import ROOT
from tests.support.server import StartServer

DEFAULT = Settings.model_fields["engine"].default


def test_the_default_is_openvino_where_it_is_installed(start_server: StartServer) -> None:
    (card,) = start_server(engine=DEFAULT).get("/v1/models").json()["models"]
    assert card["engine"] == "openvino"


def test_the_contract_holds_on_the_default_engine() -> None:
    files = [file for file in CONTRACT if "openinference" not in file]  # that one compares with ONNX Runtime
    files = [file for file in files if "tests/cases" not in file] + [
        "tests/cases"
    ]  # all: commands take the same default
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    environment = os.environ | {"RRCANET_ENGINE": DEFAULT.value, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=CONTRACT_S)
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
