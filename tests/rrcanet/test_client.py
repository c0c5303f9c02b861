"""``Client`` and ``AsyncClient`` ask a real server, and give the same answers."""

import asyncio
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from rrcanet import AsyncClient, Client, Detections
from rrcanet.errors import BadRequest, NotFound, TooLarge, Unauthorized, Undecodable, Unreachable, Unsupported
from service.keys import hash_of
from service.simulation.scene import make_scene
from tests.support.server import serving

Detect = Callable[..., list[Detections]]
COUNTS = make_scene(4, 64, 80).counts(14)
DTYPES = ("uint8", "int8", "int16", "uint16", ">u2", "int32", "uint32", "int64", "float16", "float32", "float64")


@pytest.fixture(params=["Client", "AsyncClient"])
def detect(request: pytest.FixtureRequest, client: httpx.Client) -> Detect:
    """``detect`` of either client; ``url`` may name another server."""

    def plain(
        *args: Any, url: object = client.base_url, settings: dict[str, Any] | None = None, **options: Any
    ) -> list[Detections]:
        with Client(str(url), **(settings or {})) as it:
            return it.detect(*args, **options)

    async def asked(url: object, settings: dict[str, Any] | None, args: Any, options: Any) -> list[Detections]:
        async with AsyncClient(str(url), **(settings or {})) as it:
            return await it.detect(*args, **options)

    def with_asyncio(
        *args: Any, url: object = client.base_url, settings: dict[str, Any] | None = None, **options: Any
    ) -> list[Detections]:
        return asyncio.run(asked(url, settings, args, options))

    return plain if request.param == "Client" else with_asyncio


@pytest.fixture(scope="module")
def small() -> Iterator[str]:
    """Address of a server with small limits. 64x80 pixels of 16 bits are 5120 pixels and 10 KiB."""
    limits: dict[str, Any] = {"max_frames": 3, "queue_size": 3, "max_pixels": 3 * 5120, "max_body_bytes": 40_000}
    with serving(**limits) as server:
        yield str(server.base_url)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a server with keys."""
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(f"us {hash_of('secret')}\n")
    with serving(api_keys_file=keys) as server:
        yield str(server.base_url)


def places(found: list[Detections]) -> list[list[list[float]]]:
    return [one.centroids.tolist() for one in found]


def tiff(*pages: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    first, *others = map(Image.fromarray, pages)
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def test_columns_are_what_the_server_answers(client: httpx.Client, detect: Detect) -> None:
    (found,) = detect(COUNTS)
    answer = client.post("/v1/detect", content=tiff(COUNTS)).json()
    (frame,) = answer["frames"]
    assert found.to_dict() | {"timing_ms": 0} == frame | {"name": None, "model": answer["model"], "timing_ms": 0}
    assert len(found) == len(frame["targets"]) > 0
    first, target = frame["targets"][0], found[0]
    box = first["bbox"]
    assert target.xyxy == (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])
    assert found.xyxy[0].tolist() == list(target.xyxy)
    assert found.confidence.tolist() == [one["confidence"] for one in frame["targets"]]
    assert found.centroids[0].tolist() == [first["centroid"]["x"], first["centroid"]["y"]] == list(target.centroid)
    assert found.peaks[0].tolist() == [first["peak"]["x"], first["peak"]["y"]]
    assert found.mask.sum() == found.area.sum()
    assert found.mask.shape == COUNTS.shape
    assert found.model is not None
    assert found.model.name == "rrcanet"
    assert found.timing_ms["total"] > 0
    assert found.request_id


def test_every_type_of_pixel_finds_the_same_targets(detect: Detect) -> None:
    (expected, *others) = places(detect([(COUNTS >> 7).astype(dtype) for dtype in DTYPES], mask="none"))
    assert expected
    assert others == [expected] * (len(DTYPES) - 1)


def test_every_shape_gives_one_entry_for_each_frame(detect: Detect) -> None:
    shapes = [(64, 80), (64, 80, 1), (1, 64, 80), (2, 64, 80), (3, 1, 64, 80)]
    assert [len(detect(np.resize(COUNTS, shape), mask="none")) for shape in shapes] == [1, 1, 1, 2, 3]
    found = detect([np.resize(COUNTS, shape) for shape in shapes], mask="none")
    assert [one.index for one in found] == list(range(8))
    assert places(found) == [places(found)[0]] * 8


@pytest.mark.parametrize(
    ("frame", "error", "words"),
    [
        (np.array([["a", "b"]]), TypeError, "is no frame: pixels are integers or floats of at most 64 bits"),
        (np.array([[object()]]), TypeError, "array of object is no frame"),
        (np.zeros((4, 4), bool), TypeError, 'for example array.astype("float32")'),
        (np.zeros((4, 4), complex), TypeError, "array of complex128"),
        (np.zeros((4, 5, 3)), ValueError, "looks like a colour image"),
        (np.zeros(5), ValueError, "frames are [H, W], [N, H, W]"),
        (np.zeros((0, 5)), ValueError, "has no pixels"),
        ([[1, 2], [3, 4]], TypeError, "int is no frame: give an array, a path, bytes, or a list of them"),
        (7, TypeError, "int is no frame"),
        ("no/such/file.png", FileNotFoundError, "no/such/file.png"),
        ([COUNTS] * 99 + [np.array(["a"])], TypeError, "is no frame"),
        ([COUNTS, "no/such/file.png"], FileNotFoundError, "there is no file or folder no/such/file.png"),
    ],
)
def test_what_is_no_frame_is_named_before_anything_is_sent(detect: Detect, frame: Any, error: type, words: str) -> None:
    with pytest.raises(error) as raised:
        detect(frame, url="http://127.0.0.1:9")
    assert words in str(raised.value)


def test_files_folders_bytes_pictures_and_lists_are_frames(detect: Detect, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    (folder / "below").mkdir(parents=True)
    Image.fromarray(COUNTS).save(folder / "b.png")
    np.save(folder / "a.npy", COUNTS)
    (folder / "below" / "c.TIF").write_bytes(tiff(COUNTS, COUNTS))
    (folder / ".hidden.png").write_bytes(b"no frame")
    (folder / "notes.txt").write_text("no frame")
    expected = places(detect(COUNTS))
    found = detect(folder)
    assert [(one.name, one.page) for one in found] == [
        ("a.npy", None),
        ("b.png", None),
        ("below/c.TIF", 0),
        ("below/c.TIF", 1),
    ]
    assert places(found) == expected * 4
    content = (folder / "b.png").read_bytes()
    given = [str(folder / "b.png"), folder / "a.npy", content, bytearray(content), Image.fromarray(COUNTS), folder]
    found = detect(given, mask="none")
    assert places(found) == expected * 9
    assert [one.index for one in found] == list(range(9))
    assert [one.name for one in found[:3]] == ["b.png", "a.npy", None]
    assert places(detect(iter([COUNTS, COUNTS]))) == expected * 2


def test_an_empty_folder_is_named_and_an_empty_list_has_no_entries(detect: Detect, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="has no frames"):
        detect(tmp_path)
    assert detect([]) == []


def test_options_are_the_parameters_of_the_service(detect: Detect) -> None:
    every, some = detect(COUNTS), detect(COUNTS, min_confidence=0.5, max_targets=1, mask="rle", range=(2000, 9000))
    assert len(some[0]) == 1 < len(every[0])
    assert some[0].input["range"] == [2000, 9000]
    assert some[0].to_dict()["mask"]["encoding"] == "rle"
    raw = detect(COUNTS.astype("<u2").tobytes(), width=80, height=64, dtype="u16le")
    assert places(raw) == places(every)


def test_a_list_is_cut_by_the_limits_of_the_server(detect: Detect, small: str) -> None:
    found = detect([COUNTS] * 6 + [tiff(COUNTS, COUNTS)], url=small, mask="none")
    assert len(found) == 8
    assert places(found) == places(detect(COUNTS, mask="none")) * 8


def test_a_file_of_more_frames_than_a_request_holds_is_cut_or_the_error_says_what_to_do(
    detect: Detect, small: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "long.npy", np.stack([COUNTS] * 7))
    found = detect(tmp_path / "long.npy", url=small, mask="none")
    assert places(found) == places(detect(COUNTS, mask="none")) * 7
    assert [(one.index, one.name) for one in found] == [(number, "long.npy") for number in range(7)]
    (tmp_path / "long.tif").write_bytes(tiff(*[(COUNTS >> 8).astype(np.uint8)] * 5))
    with pytest.raises(TooLarge, match=r"long\.tif has 5 frames: split it, or pass its frames one by one") as large:
        detect(tmp_path / "long.tif", url=small)
    assert large.value.reason == "too_many_frames"


def test_a_frame_that_cannot_be_read_does_not_lose_the_others(detect: Detect, small: str) -> None:
    large = np.zeros((200, 100), np.uint8)
    frames = [COUNTS, b"no frame", COUNTS, tiff(COUNTS)[:500], b"neither", b"", large, COUNTS]
    found = detect(frames, url=small, mask="none")
    assert [one.error.reason if one.error else len(one) for one in found] == [
        *(len(found[0]), "undecodable_frame", len(found[0]), "undecodable_frame"),
        *("undecodable_frame", "undecodable_frame", "too_many_pixels", len(found[0])),
    ]
    assert len(found[0]) > 0
    assert [one.index for one in found] == list(range(8))


@pytest.mark.parametrize("frames", [b"no frame", [b"no frame"], [b"no frame", b"neither"]])
def test_if_no_frame_can_be_read_the_error_is_raised(detect: Detect, frames: Any) -> None:
    with pytest.raises(Undecodable) as raised:
        detect(frames)
    assert (raised.value.status, raised.value.reason) == (422, "undecodable_frame")
    assert "PNG, TIFF" in raised.value.detail
    assert raised.value.request_id


def test_refusals_are_typed(detect: Detect, small: str, guarded: str) -> None:
    with pytest.raises(BadRequest, match="threshold") as bad:
        detect(COUNTS, threshold=3)
    assert (bad.value.status, bad.value.reason) == (400, "bad_parameter")
    with pytest.raises(NotFound) as unknown:
        detect(COUNTS, model="nobody")
    assert unknown.value.reason == "unknown_model"
    with pytest.raises(TooLarge) as large:
        detect(np.zeros((300, 300), np.uint8), url=small)
    assert large.value.reason == "body_too_large"
    with pytest.raises(Unauthorized):
        detect([COUNTS, COUNTS], url=guarded)
    assert len(detect([COUNTS, COUNTS], url=guarded, settings={"api_key": "secret"})) == 2
    with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:9 does not answer"):
        detect(COUNTS, url="http://127.0.0.1:9")


def test_an_option_that_the_server_does_not_have_is_named(detect: Detect) -> None:
    with pytest.raises(Unsupported, match="no option colour"):
        detect([COUNTS, COUNTS], colour="red")
    with pytest.raises(BadRequest, match="colour"):
        detect(COUNTS, colour="red")
    with pytest.raises(TypeError, match="threshold is a list"):
        detect(COUNTS, threshold=[1, 2, 3])


def test_frames_come_one_by_one_and_files_are_read_when_they_are_due(client: httpx.Client) -> None:
    given = 0

    def many() -> Any:
        nonlocal given
        for given in range(1, 1001):  # noqa: B007
            yield COUNTS

    with Client(str(client.base_url), in_flight=2) as it:
        found = it.each(many(), mask="none")
        assert next(found).index == 0
        assert given <= 4 * 64
        assert [next(found).index for _ in range(20)] == list(range(1, 21))
        found.close()  # type: ignore[attr-defined]
