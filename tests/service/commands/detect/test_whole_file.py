"""Files that are whole, or as they were."""

import os
import threading
from pathlib import Path

import pytest

from service.commands.detect.whole_file import partial_of, whole_file, write_whole


def test_text_has_its_name_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with whole_file(path) as stream:
        stream.write("ä")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "ä"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_file_and_names_what_it_wrote(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("earlier")
    with pytest.raises(UnicodeEncodeError) as caught, whole_file(tmp_path / "a.txt") as stream:
        stream.writelines(["half", "\ud800"])
    assert (tmp_path / "a.txt").read_text() == "earlier"
    partial = tmp_path / "a.txt.partial"
    assert partial.read_text() == "half"
    assert caught.value.__notes__ == [f"the results so far are in {partial}"]


@pytest.mark.parametrize("write", ["whole_file", "write_whole"])
def test_a_link_stays_one(tmp_path: Path, write: str) -> None:
    (tmp_path / "real.txt").write_text("earlier")
    (tmp_path / "link.txt").symlink_to("real.txt")
    if write == "write_whole":
        write_whole(tmp_path / "link.txt", b"new")
    else:
        with whole_file(tmp_path / "link.txt") as stream:
            stream.write("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.txt", "real.txt"]


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard: list[str] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    with whole_file(pipe) as stream:
        stream.write("through")
    reader.join()
    assert heard == ["through"]
    assert pipe.is_fifo()


def test_bytes_that_cannot_take_their_name_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "a.png").write_bytes(b"earlier")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a.png", b"new")
    assert (tmp_path / "a.png").read_bytes() == b"earlier"
    assert not partial_of(tmp_path / "a.png").exists()
