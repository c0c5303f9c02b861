"""What is told to be typed for an optional part."""

import shlex
import subprocess
from pathlib import Path

from service.extras import how_to_install


def test_what_is_told_to_be_typed_installs_the_extra_without_an_index_that_has_the_package(tmp_path: Path) -> None:
    command = [*shlex.split(how_to_install("train")), "--dry-run", "--no-index"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "Requirement already satisfied: rrcanet-serve[train]" in ended.stdout
