"""Every model file that is refused, and why; and the one that is served."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper

from service.errors import Reason, ServiceError
from service.pretrained import DEFAULT
from service.runtime import CPU, CUDA, Device, DeviceLost, ModelFault, Runtime
from service.runtime.card import GoldenCheck
from service.runtime.onnxruntime.cuda_runs import CudaRuns
from tests.support.small_models import (
    FREE,
    GOLDEN,
    Rule,
    build_graph,
    encode,
    small_card,
    write_graph,
    write_small_model,
)


def refusal(path: Path, device: Device = Device.CPU) -> str:
    """Why a file is not served."""
    with pytest.raises(ModelFault) as caught:
        Runtime(path, device).check_golden()
    return str(caught.value)


def with_card(path: Path, **changes: Any) -> Path:
    """A model whose card is what no writer would write."""
    return write_graph(path, build_graph(), json.dumps(small_card().model_dump(mode="json") | changes))


def test_a_model_answers_and_says_what_it_is(brightness_model: Path) -> None:
    runtime = Runtime(brightness_model, Device.CPU)
    runtime.check_golden()
    frames = np.arange(2 * 8 * 16, dtype=np.float32).reshape(2, 1, 8, 16)
    np.testing.assert_allclose(runtime.probabilities(frames), frames / 255, atol=1e-6)
    assert runtime.provider == CPU
    assert runtime.sha256 == hashlib.sha256(brightness_model.read_bytes()).hexdigest()
    assert runtime.card == small_card()


def test_no_such_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "absent.onnx") == f"no model file {tmp_path / 'absent.onnx'}"
    assert "no model file" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not ONNX", b"\x08\x0a\x12\xff\xff"])
def test_a_file_that_is_not_onnx_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.onnx"
    path.write_bytes(content)
    assert "ONNX Runtime cannot load " in refusal(path)


def test_half_a_model_is_refused(tmp_path: Path, brightness_model: Path) -> None:
    content = brightness_model.read_bytes()
    path = tmp_path / "half.onnx"
    path.write_bytes(content[: len(content) // 2])
    assert str(path) in refusal(path)


def test_a_model_without_a_card_is_refused_with_the_command_that_makes_one(tmp_path: Path) -> None:
    assert "rrcanet export" in refusal(write_graph(tmp_path / "m.onnx", build_graph(), None))


def test_a_card_of_a_newer_format_is_refused_with_what_to_update(tmp_path: Path) -> None:
    message = refusal(with_card(tmp_path / "m.onnx", format=2, new_field="?"))
    assert "has format 2, but this server reads format 1; update rrcanet-serve" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "[" * 100_000, '{"format": 1}', '{"format": "1"}'])
def test_a_damaged_card_is_refused(tmp_path: Path, text: str) -> None:
    assert "m.onnx cannot be read: " in refusal(write_graph(tmp_path / "m.onnx", build_graph(), text))


def test_a_card_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.onnx", description="snow\u2603man")
    content = path.read_bytes()
    damaged = content.replace(b"\xe2\x98\x83", b"\xff\xff\xff")
    assert damaged != content
    path.write_bytes(damaged)
    assert "m.onnx cannot be read: " in refusal(path)


@pytest.mark.parametrize("field", ["threshold", "golden", "stride", "name"])
def test_a_card_that_lacks_a_field_is_refused_by_the_fields_name(tmp_path: Path, field: str) -> None:
    fields = small_card().model_dump(mode="json")
    del fields[field]
    assert field in refusal(write_graph(tmp_path / "m.onnx", build_graph(), json.dumps(fields)))


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (("N", 1, "H", 8), TensorProto.FLOAT),
        (("N", 1, 8, "W"), TensorProto.FLOAT),
        ((1, 1, "H", "W"), TensorProto.FLOAT),
        (("N", "C", "H", "W"), TensorProto.FLOAT),
        (FREE, TensorProto.DOUBLE),
    ],
    ids=["fixed width", "fixed height", "fixed batch", "free channels", "float64"],
)
def test_a_model_of_another_interface_is_refused(tmp_path: Path, shape: tuple[str | int, ...], kind: int) -> None:
    path = write_graph(tmp_path / "m.onnx", build_graph(shape=shape, kind=kind), small_card().model_dump_json())
    assert (
        "the input must be one float32 tensor [N, 1, H, W] with free N, H and W; it is intensities tensor("
        in refusal(path)
    )


def test_a_model_of_three_dimensions_is_refused(tmp_path: Path) -> None:
    model = build_graph(Rule.EVERYTHING, shape=("N", "H", "W"))
    assert "input must be" in refusal(write_graph(tmp_path / "m.onnx", model, small_card().model_dump_json()))


def test_a_model_of_two_outputs_is_refused(tmp_path: Path) -> None:
    model = build_graph()
    model.graph.output.append(helper.make_tensor_value_info("same", TensorProto.FLOAT, FREE))
    message = refusal(write_graph(tmp_path / "m.onnx", model, small_card().model_dump_json()))
    assert "output must be" in message
    assert "same tensor(float)" in message


def test_a_golden_frame_that_is_answered_differently_is_refused_with_the_difference(tmp_path: Path) -> None:
    off = encode(GOLDEN.astype(np.uint16) * 257 + 655)
    golden = GoldenCheck(frame=encode(GOLDEN), probabilities=off, tolerance=1e-3)
    message = refusal(write_small_model(tmp_path / "m.onnx", golden=golden))
    assert "by 0.01, allowed are 0.001" in message
    assert CPU in message
    tolerant = golden.model_copy(update={"tolerance": 0.02})
    Runtime(write_small_model(tmp_path / "m.onnx", golden=tolerant), Device.CPU).check_golden()


def test_a_golden_answer_of_another_size_is_refused(tmp_path: Path) -> None:
    golden = GoldenCheck(frame=encode(GOLDEN), probabilities=encode(np.zeros((4, 4), np.uint16)), tolerance=1)
    assert "by inf" in refusal(write_small_model(tmp_path / "m.onnx", golden=golden))


def test_a_model_that_answers_nan_is_refused(tmp_path: Path) -> None:
    model = build_graph(Rule.EVERYTHING)
    one = next(constant for constant in model.graph.initializer if constant.name == "one")
    one.float_data[:] = [float("nan")]
    assert "by nan" in refusal(write_graph(tmp_path / "m.onnx", model, small_card(Rule.EVERYTHING).model_dump_json()))


@pytest.mark.parametrize(
    "frame", ["%%%", base64.b64encode(b"no picture").decode(), encode(np.zeros((9, 9), np.uint8))],
    ids=["not base64", "not a picture", "no multiple of the stride"],
)  # fmt: skip
def test_a_golden_frame_that_cannot_be_answered_is_refused(tmp_path: Path, frame: str) -> None:
    golden = small_card().golden.model_copy(update={"frame": frame})
    assert "cannot answer its golden frame" in refusal(write_small_model(tmp_path / "m.onnx", golden=golden))


def test_memory_that_is_not_there_is_a_reason_to_retry(tmp_path: Path) -> None:
    runtime = Runtime(write_small_model(tmp_path / "m.onnx", Rule.GREEDY), Device.CPU)
    with pytest.raises(ServiceError, match="of 16x8 pixels") as caught:
        runtime.probabilities(np.ones((1, 1, 8, 16), np.float32))
    assert caught.value.reason is Reason.OUT_OF_MEMORY
    assert caught.value.retry_after_s == 1


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("CUDA failure 2: out of memory ; GPU=0 ; expr=cudaMalloc", ServiceError),
        ("CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0", ServiceError),
        ("[CPU] Convolution node with name 'node_Conv_796/WithoutBiases' can't alloc", ServiceError),
        ("CUBLAS failure 3: the resource allocation failed ; GPU=0", ServiceError),
        ("CUDNN failure 2: CUDNN_STATUS_ALLOC_FAILED ; GPU=0", ServiceError),
        ("CUDNN failure 4008: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0", ServiceError),
        ("CUDA failure 719: unspecified launch failure ; GPU=0", DeviceLost),
        ("CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED ; GPU=0", DeviceLost),
    ],
)
def test_memory_that_a_library_lacks_is_not_taken_for_a_lost_device(
    tmp_path: Path, words: str, meant: type[Exception]
) -> None:
    model = build_graph(Rule.FRAGILE)
    next(node for node in model.graph.node if node.name).name = words  # ONNX Runtime's message tells it
    runtime = Runtime(write_graph(tmp_path / "m.onnx", model, small_card(Rule.FRAGILE).model_dump_json()), Device.CPU)
    with pytest.raises(meant):
        runtime.probabilities(np.ones((1, 1, 16, 16), np.float32))


@pytest.mark.parametrize(("side_of_golden", "lost"), [(8, False), (16, True)])
def test_a_device_is_lost_where_its_golden_frame_does_not_run_any_more(
    tmp_path: Path, side_of_golden: int, lost: bool
) -> None:
    frame, expected = (np.zeros((side_of_golden, side_of_golden), dtype) for dtype in (np.uint8, np.uint16))
    golden = GoldenCheck(frame=encode(frame), probabilities=encode(expected), tolerance=1)
    path = write_small_model(tmp_path / "m.onnx", Rule.FRAGILE, golden=golden)
    runtime = Runtime(path, Device.CPU)
    session = ort.InferenceSession(str(path), providers=[CPU])
    runtime._runs = CudaRuns(session, "intensities", "probabilities", device="cpu")  # as on CUDA
    runtime.provider = CUDA
    for number in (8, 4, 2, 1):  # as a batch that is halved
        with pytest.raises(Exception, match="CUDA failure") as caught:
            runtime.probabilities(np.ones((number, 1, 16, 16), np.float32))
        assert (caught.type is DeviceLost) == lost


def test_a_fault_of_the_graph_is_not_taken_for_missing_memory(brightness_model: Path) -> None:
    with pytest.raises(Exception, match="multiple of block_size") as caught:
        Runtime(brightness_model, Device.CPU).probabilities(np.ones((1, 1, 7, 7), np.float32))
    assert not isinstance(caught.value, ServiceError)


def test_the_small_models_are_valid_onnx() -> None:
    for rule in Rule:
        onnx.checker.check_model(build_graph(rule), full_check=True)


def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "pointer.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    assert "git lfs pull" in refusal(path)


def test_weights_in_another_file_are_named_as_such(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(DEFAULT)
    path = tmp_path / "split.onnx"
    onnx.save_model(model, path, save_as_external_data=True, location="split.data", size_threshold=0)
    assert "external data" in refusal(path)
    assert "save the model as one file" in refusal(path)
