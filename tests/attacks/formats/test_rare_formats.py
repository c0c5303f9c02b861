"""Damaged files of formats that few cameras send: a frame or a fault, soon, and nothing else."""

import struct
import time

import pytest

from service.errors import ServiceError
from service.frames import Budget, Frame, decode
from tests.attacks.bodies import FORMS, RARE, mutated

WITHIN_S = 2.0  # of CPU
EDGES = (0, 1, 2, 7, 8, 255, 4_095, 65_535, 2**20, 2**31 - 1, 2**31, 2**32 - 1)
ENTRY = 12  # bytes of an entry of a directory


def check(body: bytes) -> None:
    began = time.process_time()
    try:
        found = decode(body, None, Budget())
    except ServiceError as fault:
        found = [fault]
    assert time.process_time() - began < WITHIN_S
    assert all(isinstance(one, Frame | ServiceError) for one in found)
    assert not any(" at 0x" in one.detail for one in found if isinstance(one, ServiceError))


@pytest.mark.parametrize("form", RARE)
def test_mutated_files_are_answered_soon(form: str) -> None:
    for seed in range(200):
        check(mutated(form, seed))


@pytest.mark.parametrize("form", RARE)
def test_cut_files_are_answered_soon(form: str) -> None:
    for percent in range(0, 100, 3):
        check(RARE[form][: len(RARE[form]) * percent // 100])


@pytest.mark.parametrize("form", ["tiff", "tiff-tiles", "tiff-lzw", "tiff-jpeg2000", "tiff-lerc"])
def test_hostile_values_of_every_tag_are_answered_soon(form: str) -> None:
    whole = FORMS[form].body
    start = struct.unpack_from("<I", whole, 4)[0] + 2
    for entry in range(struct.unpack_from("<H", whole, start - 2)[0]):
        for place in (4, 8):  # number of values; the value, or where it lies
            for value in EDGES:
                body = bytearray(whole)
                struct.pack_into("<I", body, start + ENTRY * entry + place, value)
                check(bytes(body))
