"""``docs/reference/cli.md`` against the command."""

import click
from click.testing import CliRunner

from rrcanet.frames import RAW_SUFFIXES, SUFFIXES
from service.cli import main
from service.commands.detect.command import detect_command
from service.commands.detect.writers import COLUMNS, FILES, FRAME_COLUMNS, Format
from tests.support.markdown import names_in, read_document, read_table

DOCUMENT = read_document("reference/cli.md")


def test_every_format_is_told_with_its_file() -> None:
    rows = read_table(DOCUMENT, "`--format`", "file", "what")
    told = {names_in(row["`--format`"])[0]: names_in(row["file"])[0] for row in rows}
    assert told == {**FILES, Format.PNG: "NAME.png", Format.OVERLAY: "NAME.png"}
    (form,) = (one for one in detect_command.params if one.name == "form")
    assert form.default == next(iter(told)) == Format.JSON


def test_the_columns_of_csv_are_told_in_their_order() -> None:
    (line,) = (item for item in DOCUMENT.replace("\n  ", " ").splitlines() if item.startswith("- **csv**"))
    assert names_in(line)[: len(COLUMNS)] == list(COLUMNS)


def test_the_columns_of_the_frames_are_told_in_their_order() -> None:
    rows = read_table(DOCUMENT, "column", "meaning")
    assert [name for row in rows for name in names_in(row["column"])] == list(FRAME_COLUMNS)


def test_the_suffixes_of_frames_in_folders_are_told() -> None:
    assert {*SUFFIXES, *RAW_SUFFIXES} <= set(names_in(DOCUMENT))


def test_the_help_names_the_files_and_the_page_of_their_fields() -> None:
    shown = " ".join(CliRunner().invoke(main, ["detect", "--help"]).output.split())
    for form, name in FILES.items():
        assert f"{form} writes {name}" in shown
    assert "docs/reference/cli.md" in shown


def test_the_help_says_what_every_option_means() -> None:
    silent = [one.name for one in detect_command.params if isinstance(one, click.Option) and not one.help]
    assert silent == ["device"], "auto, cpu and cuda say it themselves"
    shown = " ".join(CliRunner().invoke(main, ["detect", "--help"]).output.split())
    assert "black_hot: targets are darker, so the frame is inverted before the network runs" in shown
