"""Damaged images are answered, never with 5xx, and the service lives on."""

import httpx
import pytest

from tests.attacks.bodies import WHOLE, mutated, truncated

FATES = {200, 413, 415, 422}


def status(client: httpx.Client, body: bytes, media_type: str = "image/png") -> int:
    return client.post("/v1/detect?mask=none", content=body, headers={"Content-Type": media_type}).status_code


@pytest.mark.parametrize("form", WHOLE)
def test_an_image_cut_anywhere_is_never_answered_as_if_it_were_whole(client: httpx.Client, form: str) -> None:
    whole = client.post("/v1/detect?mask=none", content=WHOLE[form]).json()["frames"]
    for body in truncated(form):
        answer = client.post("/v1/detect?mask=none", content=body)
        assert answer.status_code in FATES
        if answer.status_code == 200:  # the cut took nothing but checksums, or it is told which page is missing
            found = answer.json()["frames"]
            assert found == whole or any("error" in frame for frame in found)


@pytest.mark.parametrize("form", WHOLE)
def test_mutated_images_never_fail_the_service(client: httpx.Client, form: str) -> None:
    assert {status(client, mutated(form, seed)) for seed in range(150)} <= FATES
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b.png", "x" * 5000, "C:\\x.png", "\U0001f600.png", '"; rm'])
def test_names_of_files_are_only_names(client: httpx.Client, name: str) -> None:
    answer = client.post("/v1/detect?mask=none", files={"image": (name, WHOLE["png"])})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200:
        assert isinstance(answer.json()["frames"][0]["name"], str)
