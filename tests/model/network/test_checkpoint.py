"""Checkpoints on disk: ours, the authors', and what is neither."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from model.network.checkpoint import (
    METADATA_KEY,
    CheckpointError,
    TrainingRecord,
    build_network,
    load_checkpoint,
    save_checkpoint,
)
from model.recipe import Network
from tests import golden


def test_a_checkpoint_comes_back_with_its_record(tmp_path: Path) -> None:
    record = TrainingRecord(recipe="tiny", steps=7, seed=3, network=Network(passes=2))
    network = build_network(record.network)
    save_checkpoint(tmp_path / "w.safetensors", network.state_dict(), record)
    loaded = load_checkpoint(tmp_path / "w.safetensors")
    assert loaded.record == record
    assert not loaded.network.training
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value)


@pytest.mark.parametrize(
    "record",
    ['{"recipe": "tiny", "colour": "red"}', "{", '{"network": {"passes": "many"}}', '{"network": {"units": [3]}}'],
)
def test_a_record_that_cannot_be_read_is_named(tmp_path: Path, record: str) -> None:
    save_file(build_network(Network()).state_dict(), tmp_path / "w.safetensors", {METADATA_KEY: record})
    with pytest.raises(CheckpointError, match=r"w\.safetensors has a record that this version cannot read"):
        load_checkpoint(tmp_path / "w.safetensors")


def _as_numpy_1_wrote_it(path: Path) -> None:
    """NumPy 2 moved the function that a pickled scalar names."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data.replace(b"cnumpy._core.multiarray\nscalar", b"cnumpy.core.multiarray\nscalar"))


@pytest.mark.parametrize("numpy", [1, 2])
@pytest.mark.parametrize(("channels", "prefix"), [(3, ""), (1, "model.")])
def test_both_code_bases_of_the_authors_load(tmp_path: Path, channels: int, prefix: str, numpy: int) -> None:
    path = tmp_path / "mIoU__RRCANet_NUAA-SIRST_epoch.pth.tar"
    arrays = golden.load(f"rrcanet_{channels}ch")
    torch.save({"epoch": 9, "state_dict": _official(channels, prefix), "loss": 0.1, "mean_IOU": np.float64(0.75)}, path)
    if numpy == 1:
        _as_numpy_1_wrote_it(path)
    checkpoint = load_checkpoint(path)
    assert checkpoint.record.network.in_channels == channels
    # facts of the two code bases: ImageNet's, in intensities of 0 to 255; DenseSIRST's own
    mean = (0.485 * 255, 0.456 * 255, 0.406 * 255) if channels == 3 else 101.856
    std = (0.229 * 255, 0.224 * 255, 0.225 * 255) if channels == 3 else 39.014
    assert checkpoint.record.mean == pytest.approx(mean)
    assert checkpoint.record.std == pytest.approx(std)
    with torch.no_grad():
        logits = checkpoint.network(torch.from_numpy(arrays["input"]))
    torch.testing.assert_close(logits, torch.from_numpy(arrays["logits"]), rtol=0, atol=1e-5)


def test_missing_and_misshapen_keys_are_named(tmp_path: Path) -> None:
    state = _official(1)
    state["final.bias"] = torch.zeros(4)
    del state["post_transform_conv_block.0.conv2.weight"]
    message = _refusal(tmp_path, state)
    assert "missing 1: fuse.conv2.weight" in message
    assert "of another shape 1: head.bias (4,) instead of (1,)" in message


def test_a_foreign_key_is_named(tmp_path: Path) -> None:
    assert "'backbone.layer4.weight'" in _refusal(tmp_path, {"backbone.layer4.weight": torch.zeros(1)})


def test_a_state_without_the_stem_is_refused(tmp_path: Path) -> None:
    assert "conv0_0.0.conv1.weight" in _refusal(tmp_path, {"final.bias": torch.zeros(1)})


def test_passes_that_disagree_on_a_shared_kernel_are_refused(tmp_path: Path) -> None:
    state = _official(1)
    state["iteration2_layer0_encoder_convs.operator.0.bias"] = torch.ones(8)
    assert "different copies" in _refusal(tmp_path, state)


def test_a_network_of_another_architecture_of_ours_is_refused(tmp_path: Path) -> None:
    wide = build_network(Network(widths=(16, 32, 64, 128)))
    save_checkpoint(tmp_path / "w", wide.state_dict(), TrainingRecord())
    with pytest.raises(CheckpointError, match="of another shape"):
        load_checkpoint(tmp_path / "w")


def test_files_that_are_no_checkpoint_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="neither safetensors nor"):
        load_checkpoint(path)
    path.write_bytes(b"\xff" * 8 + b"{broken")
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(CheckpointError, match="no state_dict"):
        load_checkpoint(path)
    with pytest.raises(FileNotFoundError, match="absent"):
        load_checkpoint(tmp_path / "absent")


def test_a_safetensors_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="not written by rrcanet train"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    torch.save({"state_dict": _Touch(marker)}, tmp_path / "evil.pth")
    with pytest.raises(CheckpointError):
        load_checkpoint(tmp_path / "evil.pth")
    assert not marker.exists()


class _Touch:
    """Unpickling it would create a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


def _official(channels: int, prefix: str = "") -> dict[str, Tensor]:
    return {
        prefix + key.removeprefix("state_dict/"): torch.from_numpy(value).clone()
        for key, value in golden.load(f"rrcanet_{channels}ch").items()
        if key.startswith("state_dict/")
    }


def _refusal(folder: Path, state: dict[str, Tensor]) -> str:
    torch.save(state, folder / "state.pth")
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(folder / "state.pth")
    return str(caught.value)


@pytest.mark.parametrize("key", ["net", "model_state_dict", "model", "state_dict"])
@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_wrappers_of_other_training_code_are_taken_off(tmp_path: Path, key: str, prefix: str) -> None:
    path = tmp_path / "wrapped.pth.tar"
    torch.save({key: _official(1, prefix), "epoch": 3}, path)
    plain = tmp_path / "plain.pth.tar"
    torch.save(_official(1), plain)
    weights, expected = (load_checkpoint(one).network.state_dict() for one in (path, plain))
    assert all(torch.equal(weights[name], expected[name]) for name in expected)


def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "pointer.pth.tar"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    with pytest.raises(CheckpointError, match="git lfs pull"):
        load_checkpoint(path)
