"""A contender never runs on another device than its name says."""

from pathlib import Path

import onnxruntime as ort
import pytest

from benchmarks.gpu.contenders import plain_session
from service.runtime import CPU, CUDA
from tests.support.small_models import write_small_model


class WithoutMemory(ort.InferenceSession):  # type: ignore[misc]  # ONNX Runtime has no types
    """ONNX Runtime on a GPU that something else has filled."""

    def _create_inference_session(self, providers: list[object], *others: object) -> None:
        if providers == [CUDA]:
            self._fallback_providers = [CPU]
            raise RuntimeError("CUDA failure 2: out of memory")
        super()._create_inference_session(providers, *others)


def test_a_plain_session_does_not_fall_back_to_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ort, "InferenceSession", WithoutMemory)
    model = write_small_model(tmp_path / "m.onnx")
    plain_session(model, CPU)
    with pytest.raises(RuntimeError, match="out of memory"):
        plain_session(model, CUDA)
