"""The quota of a container, from its own files."""

import os
from pathlib import Path

import pytest

from service.runtime.cpus import available_cpus, has_avx512, has_bf16
from tests.support.server import running
from tests.support.small_models import write_small_model

ALLOWED = len(os.sched_getaffinity(0))


def write(cgroup: Path, **contents: str) -> Path:
    for name, content in contents.items():
        path = cgroup / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(content + "\n")
    return cgroup


@pytest.mark.parametrize(
    ("limit", "cpus"),
    [("50000 100000", 1), ("100000 100000", 1), ("150000 100000", 2), ("12800000 100000", 128), ("max 100000", 128)],
)
def test_a_quota_of_version_2_is_rounded_up(tmp_path: Path, limit: str, cpus: int) -> None:
    assert available_cpus(write(tmp_path, cpu_DOT_max=limit)) == min(ALLOWED, cpus)


@pytest.mark.parametrize(("quota", "cpus"), [("50000", 1), ("100000", 1), ("150000", 2), ("-1", 128)])
def test_a_quota_of_version_1_is_rounded_up(tmp_path: Path, quota: str, cpus: int) -> None:
    write(tmp_path, cpu__cpu_DOT_cfs_quota_us=quota, cpu__cpu_DOT_cfs_period_us="100000")
    assert available_cpus(tmp_path) == min(ALLOWED, cpus)


def test_without_a_quota_the_affinity_decides(tmp_path: Path) -> None:
    assert available_cpus(tmp_path) == ALLOWED


def test_a_quota_without_its_period_is_no_quota(tmp_path: Path) -> None:
    assert available_cpus(write(tmp_path, cpu__cpu_DOT_cfs_quota_us="50000")) == ALLOWED


def test_a_server_has_as_many_threads_as_the_setting_says(tmp_path: Path) -> None:
    models = str(write_small_model(tmp_path / "a.onnx").parent)
    few, many = (threads_of_a_server(models, number) for number in ("1", "6"))
    assert many - few >= 4  # five of ONNX Runtime, and others come and go


def threads_of_a_server(models: str, number: str) -> int:
    with running(MODELS=models, THREADS=number) as (process, _):
        return len(os.listdir(f"/proc/{process.pid}/task"))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 amx_tile", True),
        ("flags\t\t: fpu avx512f amx_bf16", True),
        ("flags\t\t: fpu avx2 avx512f avx512_vnni", False),
        ("Features\t: fp asimd bf16", False),
    ],
)
def test_bfloat16_is_known_by_the_flags_of_the_cpu(tmp_path: Path, line: str, found: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    assert has_bf16(tmp_path / "cpuinfo") is found


@pytest.mark.parametrize(("flags", "found"), [("fpu avx2 avx512f avx512bw", True), ("fpu avx2", False)])
def test_the_length_of_vectors_is_known_by_the_flags_of_the_cpu(tmp_path: Path, flags: str, found: bool) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert has_avx512(tmp_path / "cpuinfo") is found


def test_a_system_without_cpuinfo_has_neither_bfloat16_nor_avx512(tmp_path: Path) -> None:
    assert not has_bf16(tmp_path / "cpuinfo")
    assert not has_avx512(tmp_path / "cpuinfo")
