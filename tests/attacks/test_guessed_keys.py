"""Whoever guesses keys learns nothing: each guess is compared with every key, whole, and answered alike."""

import hmac
from pathlib import Path

import pytest

from service.keys import Keys, hash_of
from tests.support.server import StartServer

KEYS = [f"key-{number}-of-the-tower" for number in range(5)]
GUESSES = ["", "k", KEYS[0][:-1], KEYS[0] + "x", KEYS[0].upper(), hash_of(KEYS[0]), "é" * 30, "x" * 4000]


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.txt"
    path.write_text("".join(f"tower-{number} {hash_of(key)}\n" for number, key in enumerate(KEYS)))
    return path


def test_every_guess_is_answered_alike(start_server: StartServer, keys_file: Path) -> None:
    client = start_server(api_keys_file=keys_file)
    answers = [client.get("/v1/models", headers=[(b"X-API-Key", guess.encode())]) for guess in GUESSES]
    assert {answer.status_code for answer in answers} == {401}
    told = [{**answer.json(), "request_id": None} for answer in answers]
    assert all(one == told[0] for one in told)
    assert client.get("/v1/models", headers={"X-API-Key": KEYS[-1]}).status_code == 200


def test_every_guess_is_compared_with_every_key(keys_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[str, str]] = []

    def compare(given: str, known: str) -> bool:
        compared.append((given, known))
        return given == known

    keys = Keys(keys_file)
    monkeypatch.setattr(hmac, "compare_digest", compare)
    for guess in [*GUESSES, *KEYS]:
        compared.clear()
        assert (keys.owner(guess) is not None) == (guess in KEYS)
        assert [known for _, known in compared] == [hash_of(key) for key in KEYS]
        assert {len(given) for given, _ in compared} == {64}, "hashes are compared, whose length tells nothing"
