"""What is timed beside ours differs from it in what its name says, and never runs somewhere else."""

from pathlib import Path

import onnxruntime as ort
import pytest

from benchmarks.gpu.contenders import plain_session, variants
from service.runtime import CPU, CUDA, Device
from tests.support.small_models import write_small_model


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", True), ("fp16", False)])
def test_variants_change_something(tmp_path: Path, precision: str, tf32: bool) -> None:
    names = variants(write_small_model(tmp_path / "m.onnx", precision=precision), Device.CUDA)
    assert "ours, no CUDA graph" in names
    assert ("ours, TF32" in names) == tf32, "float16 has it anyway, or no tensor cores"


class WithoutMemory(ort.InferenceSession):  # type: ignore[misc]  # ONNX Runtime tells no types
    """ONNX Runtime on a GPU that something else has filled."""

    def _create_inference_session(self, providers: list[object], *others: object) -> None:
        if providers == [CUDA]:
            self._fallback_providers = [CPU]
            raise RuntimeError("CUDA failure 2: out of memory")
        super()._create_inference_session(providers, *others)


def test_onnx_runtime_as_it_comes_does_not_go_on_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "InferenceSession", WithoutMemory)
    model = write_small_model(tmp_path / "m.onnx")
    plain_session(model, CPU)
    with pytest.raises(RuntimeError, match="out of memory"):
        plain_session(model, CUDA)
