"""``tritonclient.http``, unmodified, works against ``/v2``."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import Image

from service.runtime import Device, Runtime
from service.simulation.scene import make_scene
from tests.support import frames

HEIGHT, WIDTH = 70, 90  # no multiples of the stride
SCENES = [make_scene(seed, HEIGHT, WIDTH) for seed in (1, 2)]


@pytest.fixture
def server(client: httpx.Client) -> Iterator[Any]:
    """A client of the same server."""
    with triton.InferenceServerClient(client.base_url.netloc.decode()) as running:
        yield running


def tensor(name: str, array: NDArray[np.generic], binary: bool) -> Any:
    datatype = {"uint8": "UINT8", "uint16": "UINT16", "float32": "FP32"}[array.dtype.name]
    return triton.InferInput(name, list(array.shape), datatype).set_data_from_numpy(array, binary)


def asked(name: str, binary: bool) -> Any:
    return triton.InferRequestedOutput(name, binary_data=binary)


def stack(kind: str) -> NDArray[np.generic]:
    """``[2, H, W]`` counts."""
    if kind == "uint8":
        return np.stack([scene.counts(8) for scene in SCENES])
    return np.stack([scene.counts(14) for scene in SCENES]).astype(kind)


def detect(client: httpx.Client, counts: NDArray[np.generic], **query: Any) -> tuple[NDArray, NDArray]:
    """Targets as the tensor has them, and masks ``[N, H, W]``, from ``POST /v1/detect``."""
    answer = client.post("/v1/detect", params={"max_targets": 1000, **query}, content=frames.npy(counts)).json()
    rows = [
        (frame["index"], t["confidence"], *t["centroid"].values(), *t["bbox"].values(), t["area"],
         t["peak"]["probability"])
        for frame in answer["frames"]
        for t in frame["targets"]
    ]  # fmt: skip
    masks = [Image.open(io.BytesIO(base64.b64decode(frame["mask"]["data"]))) for frame in answer["frames"]]
    return np.array(rows, np.float32).reshape(-1, 10), np.stack([np.asarray(mask) for mask in masks])


def test_the_server_is_live_ready_and_says_what_it_is(server: Any) -> None:
    assert server.is_server_live()
    assert server.is_server_ready()
    metadata = server.get_server_metadata()
    assert metadata["name"] == "rrcanet-serve"
    assert metadata["extensions"] == ["binary_tensor_data"]


@pytest.mark.parametrize(
    ("name", "takes", "gives"),
    [
        ("rrcanet", {"intensities": ("FP32", [-1, 1, -1, -1])}, {"probabilities": ("FP32", [-1, 1, -1, -1])}),
        (
            "rrcanet-detector",
            {"frames": ("UINT16", [-1, -1, -1])},
            {"targets": ("FP32", [-1, 10]), "mask": ("UINT8", [-1, -1, -1])},
        ),
    ],
)
def test_a_model_is_ready_and_says_what_it_takes_and_gives(server: Any, name: str, takes: Any, gives: Any) -> None:
    assert server.is_model_ready(name)
    assert server.is_model_ready(name, "1")
    metadata = server.get_model_metadata(name)
    assert (metadata["name"], metadata["versions"]) == (name, ["1"])
    for side, expected in (("inputs", takes), ("outputs", gives)):
        assert {t["name"]: (t["datatype"], t["shape"]) for t in metadata[side]} == expected
    assert server.get_model_metadata(name, "1") == metadata


def test_a_model_that_is_not_there_is_not_ready(server: Any) -> None:
    for name, version in (("nope", ""), ("nope-detector", ""), ("rrcanet", "9"), ("rrcanet-detector", "9")):
        assert not server.is_model_ready(name, version)
        with pytest.raises(
            triton.InferenceServerException, match=r"there is no model .* the models are: rrcanet"
        ) as caught:
            server.get_model_metadata(name, version)
        assert caught.value.status() == "404"


@pytest.mark.parametrize("into", [True, False], ids=["binary_in", "json_in"])
@pytest.mark.parametrize("out", [True, False], ids=["binary_out", "json_out"])
def test_the_network_answers_as_the_runtime_does(server: Any, model_file: Path, into: bool, out: bool) -> None:
    intensities = np.stack([make_scene(seed, 64, 72).counts(8) for seed in (1, 2)])[:, None].astype(np.float32)
    expected = Runtime(model_file, Device.CPU).probabilities(intensities)
    answer = server.infer(
        "rrcanet", [tensor("intensities", intensities, into)], outputs=[asked("probabilities", out)], request_id="a-7"
    )
    probabilities = answer.as_numpy("probabilities")
    assert (probabilities.shape, probabilities.dtype) == ((2, 1, 64, 72), np.float32)
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    assert expected.max() > 0.9, "a scene without targets would prove little"
    response = answer.get_response()
    assert (response["model_name"], response["model_version"], response["id"]) == ("rrcanet", "1", "a-7")


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
def test_the_detector_finds_what_v1_finds(server: Any, client: httpx.Client, kind: str, binary: bool) -> None:
    counts = stack(kind)
    wanted = [asked("targets", binary), asked("mask", binary)]
    answer = server.infer("rrcanet-detector", [tensor("frames", counts, binary)], outputs=wanted)
    targets, masks = detect(client, counts)
    assert set(targets[:, 0]) == {0, 1}, "both frames should have targets"
    np.testing.assert_allclose(answer.as_numpy("targets"), targets, atol=1e-3)
    np.testing.assert_array_equal(answer.as_numpy("mask"), masks)


@pytest.mark.parametrize(
    "parameters",
    [
        {"threshold": 0.999},
        {"min_confidence": 0.99, "min_area": 4},
        {"max_targets": 1},
        {"polarity": "black_hot", "range": "minmax"},
        {"range": "1000:9000"},
    ],
)
def test_the_detector_takes_the_options_of_v1(server: Any, client: httpx.Client, parameters: dict[str, Any]) -> None:
    counts = stack("uint16")
    answer = server.infer("rrcanet-detector", [tensor("frames", counts, True)], parameters=parameters)
    targets, masks = detect(client, counts, **parameters)
    np.testing.assert_allclose(answer.as_numpy("targets"), targets, atol=1e-3)
    np.testing.assert_array_equal(answer.as_numpy("mask"), masks)


def test_what_was_cut_off_is_said(server: Any) -> None:
    for most, said in ((1, {"truncated": True}), (1000, None)):
        inputs = [tensor("frames", stack("uint8"), True)]
        answer = server.infer("rrcanet-detector", inputs, parameters={"max_targets": most})
        assert answer.get_response().get("parameters") == said


def test_nothing_found_is_an_empty_tensor(server: Any) -> None:
    empty = tensor("frames", np.full((1, 8, 8), 5, np.uint16), True)
    for binary in (True, False):
        answer = server.infer("rrcanet-detector", [empty], outputs=[asked("targets", binary), asked("mask", binary)])
        assert answer.as_numpy("targets").shape == (0, 10)
        assert not answer.as_numpy("mask").any()


def test_pixels_that_are_no_numbers_are_never_targets(server: Any, client: httpx.Client) -> None:
    counts = stack("float32")
    counts[0, 10:14, 10:14], counts[1, 3, 3] = np.nan, np.inf
    answer = server.infer("rrcanet-detector", [tensor("frames", counts, True)])
    targets, masks = detect(client, counts)
    np.testing.assert_allclose(answer.as_numpy("targets"), targets, atol=1e-3)
    np.testing.assert_array_equal(answer.as_numpy("mask"), masks)
    assert not masks[0, 10:14, 10:14].any()


def test_the_client_is_told_what_is_wrong(server: Any) -> None:
    wrong = tensor("intensities", np.zeros((1, 1, 9, 8), np.float32), True)
    with pytest.raises(
        triton.InferenceServerException, match="multiples of 8; rrcanet-detector takes any size"
    ) as caught:
        server.infer("rrcanet", [wrong])
    assert caught.value.status() == "400"


def test_inferences_in_flight_together_are_answered_each_with_its_own(client: httpx.Client) -> None:
    stacks = [make_scene(seed, 64, 64).counts(8)[None] for seed in range(6)]
    with triton.InferenceServerClient(client.base_url.netloc.decode(), concurrency=6) as server:
        waiting = [server.async_infer("rrcanet-detector", [tensor("frames", one, True)]) for one in stacks]
        together = [request.get_result().as_numpy("mask") for request in waiting]
    for one, mask in zip(stacks, together, strict=True):
        np.testing.assert_array_equal(mask, detect(client, one)[1])
