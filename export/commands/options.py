"""Options shared by several commands."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final

import click
from pydantic import ConfigDict, TypeAdapter, ValidationError

from export.evaluation.grid import Grid
from model.files import write_atomically
from service.commands.options import ENGINES, PRECISIONS, RangeType
from service.detection.options import RangeMode
from service.runtime import Device, Engine, Precision
from service.runtime.card import Name, Unit, Version
from service.settings import CLIENT_KEY

CARD_FIELDS: Final[dict[str, Any]] = {"name": Name, "model_version": Version, "threshold": Unit}  # by option
NAME_HELP: Final = "Name of the model in responses and metrics."
SPLIT_HELP: Final = (
    "A list of names: a file, or its stem in the folder. [default: test; all frames if there is no list]"
)


class OutputFile(click.Path):
    """A file that is written at the end of a command. An unusable folder is reported before the work starts."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path. Its folder is created if necessary; the command ends with exit code 1 if it is not writable."""
        file = Path(os.fsdecode(super().convert(value, param, ctx)))
        with writing(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        require_writable(file)
        return file


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """End the command with a message and exit code 1 if ``file`` cannot be written."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"cannot write {file}: {error.strerror}") from error


def require_writable(file: Path) -> None:
    """End the command now if the folder of ``file`` is not writable, and not after the work."""
    with writing(file):
        TemporaryFile(dir=file.parent).close()


def validate_card_field(_context: click.Context, option: click.Parameter, value: str | float) -> str | float:
    """Refuse a value that the card cannot hold before the work starts."""
    try:
        TypeAdapter(CARD_FIELDS[str(option.name)], config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except ValidationError as error:
        raise click.BadParameter(f"{value!r}: {error.errors()[0]['msg']}") from error
    return value


output_option = click.option("-o", "--output", type=OutputFile(), required=True, help="The .onnx file to write.")
model_version_option = click.option("--model-version", default="1", show_default=True, callback=validate_card_field)
threshold_option = click.option(
    "--threshold",
    type=float,
    default=0.5,
    show_default=True,
    callback=validate_card_field,
    help="Decision threshold on the probability of pixels, 0 to 1.",
)
data_option = click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder with frames and masks."
)
split_option = click.option("--split", help=SPLIT_HELP)
grid_option = click.option(
    "--grid", type=click.Choice([one.value for one in Grid]), default=Grid.NATIVE.value, show_default=True
)
device_option = click.option(
    "--device", type=click.Choice([one.value for one in Device]), default=Device.AUTO.value, show_default=True
)
reference_engine_option = click.option(  # scores are compared, so they do not depend on the machine
    "--engine",
    type=ENGINES,
    default=Engine.ONNXRUNTIME.value,
    show_default=True,
    help="Library that runs the model file on a CPU.",
)
reference_precision_option = click.option(
    "--precision",
    type=PRECISIONS,
    default=Precision.F32.value,
    show_default=True,
    help="Precision of the arithmetic on a CPU; bf16 needs the engine openvino.",
)
json_option = click.option("--json", "json_file", type=OutputFile(), help="Also write the results to this file.")
range_option = click.option(
    "--range",
    "span",
    type=RangeType(),
    default=RangeMode.AUTO.value,
    show_default=True,
    help="How counts map to intensity: auto (default of the service), dtype, minmax or LO:HI.",
)
key_option = click.option("--key", envvar=CLIENT_KEY, show_envvar=True, help="API key, if the service requires one.")


def write_json(file: Path, content: Any) -> None:
    """Write ``content`` as indented JSON in one atomic step."""
    with writing(file):
        write_atomically(file, (json.dumps(content, indent=1) + "\n").encode())
