"""The machine and the versions that were measured."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from service.pretrained import DEFAULT
from service.runtime import Device, Runtime

PACKAGES = (
    "fastapi",
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "pillow",
    "starlette",
    "uvicorn",
    "uvloop",
)


def describe_machine() -> dict[str, Any]:
    """Processor, memory, versions, the model that ships, and the current load of the machine."""
    shipped = Runtime(DEFAULT, Device.CPU, threads=1)
    return {
        "cpu": _field("cpuinfo", "model name"),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(int(_field("meminfo", "MemTotal").split()[0]) / 1e6, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        "model": {"name": shipped.card.name, "version": shipped.card.version, "sha256": shipped.sha256},
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def in_words(machine: dict[str, Any]) -> str:
    """The processor, cores, memory and Python of ``describe_machine``, for a page."""
    return f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, Python {machine['python']}"


def _field(file: str, name: str) -> str:
    lines = Path("/proc", file).read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(name)), "unknown")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
