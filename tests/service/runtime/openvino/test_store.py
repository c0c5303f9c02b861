"""What a store of compiled networks gives back, and how many it keeps."""

import os
from pathlib import Path

import pytest

from service.runtime.openvino import store
from service.runtime.openvino.store import STORED, UNFINISHED, Store


def test_a_network_is_found_under_its_key_by_whoever_has_the_same_model_and_compiler(tmp_path: Path) -> None:
    Store(tmp_path, b"model", "compiler 1").keep("256x256", b"network")
    assert Store(tmp_path, b"model", "compiler 1").find("256x256") == b"network"
    assert Store(tmp_path, b"model", "compiler 1").find("512x640") is None
    assert Store(tmp_path, b"other", "compiler 1").find("256x256") is None
    assert Store(tmp_path, b"model", "compiler 2").find("256x256") is None


def test_another_release_does_not_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path, b"model", "").keep("", b"network")
    monkeypatch.setattr(store, "_code", lambda: b"other code")
    assert Store(tmp_path, b"model", "").find("") is None


def test_networks_that_were_not_used_for_longest_give_their_place_to_new_ones(tmp_path: Path) -> None:
    kept = Store(tmp_path, b"model", "")
    for number in range(STORED):
        kept.keep(str(number), b"network")
        os.utime(kept._file(str(number)), (number, number))
    assert kept.find("0") is not None  # it is used now
    kept.keep("new", b"network")
    assert len(list(tmp_path.iterdir())) == STORED
    assert kept.find("1") is None
    assert kept.find("0") == kept.find("new") == b"network"


def test_a_disk_that_is_full_leaves_nothing_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        Store(tmp_path, b"model", "").keep("", b"network")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_later(tmp_path: Path) -> None:
    left, present = tmp_path / f"a{UNFINISHED}", tmp_path / f"b{UNFINISHED}"
    for file in (left, present):
        file.write_bytes(b"net")
    os.utime(left, (0, 0))
    Store(tmp_path, b"model", "").keep("", b"network")
    assert not left.exists()
    assert present.exists(), "another process may be writing it"


def test_files_of_other_programs_stay(tmp_path: Path) -> None:
    others = [tmp_path / f"{number}.blob" for number in range(STORED + 1)]
    for file in others:
        file.write_bytes(b"not ours")
    Store(tmp_path, b"model", "").keep("", b"network")
    assert all(file.exists() for file in others)


def test_a_network_in_a_folder_that_is_read_only_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*_: object) -> None:
        raise PermissionError("read-only file system")

    kept = Store(tmp_path, b"model", "")
    kept.keep("", b"network")
    monkeypatch.setattr(os, "utime", read_only)
    assert kept.find("") == b"network"


def test_only_its_user_may_read_and_change_it(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    Store(folder, b"model", "").keep("", b"network")
    (file,) = folder.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
