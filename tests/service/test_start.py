"""What a server imports before it serves: each of these takes a tenth of a second or 15 MB."""

import gc
import subprocess
import sys

import click

from service.cli import main

LATER = ("onnxruntime", "openvino", "scipy.ndimage", "scipy.optimize", "torch", "imagecodecs", "tifffile.tifffile")


def test_engines_and_most_of_scipy_are_imported_when_they_are_needed() -> None:
    program = f"import sys; import service.commands.serve; print([one for one in {LATER} if one in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_import_of_a_command_leaves_garbage_collection_as_it_was() -> None:
    for is_enabled, switch in ((True, gc.enable), (False, gc.disable)):
        switch()
        try:
            assert main.get_command(click.Context(main), "serve") is not None
            assert gc.isenabled() is is_enabled
        finally:
            gc.enable()
