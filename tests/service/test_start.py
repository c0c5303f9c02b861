"""What a server imports before it serves: each of these takes 10 to 100 ms, or 15 MB."""

import gc
import subprocess
import sys
from collections.abc import Sequence

import click

from service.cli import main

LATER = (
    *("onnxruntime", "openvino", "scipy.ndimage", "scipy.optimize", "torch"),
    *("imagecodecs", "tifffile.tifffile", "PIL"),
)


def test_engines_and_what_few_requests_need_are_imported_later() -> None:
    assert imported_by("service.api.connection.server", LATER) == []


def test_the_models_begin_to_load_before_the_web_framework_is_imported() -> None:
    assert imported_by("service.commands.serve", ("fastapi", "uvicorn", *LATER)) == []


def test_openvino_comes_without_its_converters_of_models() -> None:
    converters = ("openvino.tools.ovc", "openvino.frontend.tensorflow")
    assert imported_by("service.runtime.openvino.compiled", ("openvino", *converters)) == ["openvino"]


def imported_by(module: str, names: Sequence[str]) -> list[str]:
    """Which of these modules are there once ``module`` is imported."""
    return output_of(f"import sys, {module}; print(*[one for one in {names} if sys.modules.get(one)])").split()


def output_of(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_import_of_a_command_leaves_garbage_collection_as_it_was() -> None:
    for is_enabled, switch in ((True, gc.enable), (False, gc.disable)):
        switch()
        try:
            assert main.get_command(click.Context(main), "serve") is not None
            assert gc.isenabled() is is_enabled
        finally:
            gc.enable()


def test_no_collection_looks_at_what_a_command_imported() -> None:
    command = "main.get_command(click.Context(main), 'serve')"
    looked_at = output_of(f"import click, gc; from service.cli import main; {command}; print(len(gc.get_objects()))")
    assert int(looked_at) < 1000
