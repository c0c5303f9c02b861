"""The example on the page about streams, run against a real server."""

import json
import re
import sys
from pathlib import Path

import httpx

from tests.docs.test_examples import blocks, run
from tests.support.paths import DOCS


def test_the_program_of_the_page_finds_the_target(client: httpx.Client, tmp_path: Path) -> None:
    (program,) = blocks((DOCS / "how-to" / "stream.md").read_text(), "python")
    assert client.base_url.port is not None
    (tmp_path / "example.py").write_text(program.replace("127.0.0.1:8000", f"127.0.0.1:{client.base_url.port}"))
    *found, last = run(f"{sys.executable} example.py", tmp_path, client.base_url).splitlines()
    assert re.fullmatch(r"\d+ frames were dropped", last)
    assert found
    for line in found:
        index, centroid = re.fullmatch(r"(\d+) (\{.*\}) [\d.]+", line).groups()  # type: ignore[union-attr]
        x, y = json.loads(centroid.replace("'", '"')).values()
        assert int(index) < 20
        assert (abs(x - 81), abs(y - 61)) < (2, 2)
