"""What is run on the GPU machine, in order: each step a command with the parcels that it needs and a time limit.

Imports nothing that the machine has to be sent first.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

WEIGHTS: Final = Path(__file__).parents[2] / "model" / "weights" / "generalist.safetensors"
DATA_SETS: Final = ("NUAA-SIRST", "IRSTD-1k", "DenseSIRST")
RUNS: Final = ("generalist:0", "nuaa-sirst-best:0", "irstd-1k-best:0", "densesirst-best:0")
SLACK_S: Final = 90.0  # of training: frames are read before its own clock starts, states are written after it ends
Device = Literal["cuda", "cpu"]


@dataclass(frozen=True, slots=True)
class Step:
    """``command`` goes on where it ended when it is run again.

    Attributes:
        needs: parcels that must be there.
        seconds: after which it is stopped, to go on in the next call.
        endless: it uses what time there is, and is never done.
    """

    name: str
    needs: tuple[str, ...]
    seconds: float
    command: tuple[str, ...]
    endless: bool = False


def plan(root: Path, device: Device, quick: bool, runs: tuple[str, ...], left: float) -> list[Step]:
    """All steps; ``quick`` is the same in the smallest sizes, to see that each runs.

    Args:
        root: where parcels are unpacked, results and training runs are kept.
        left: seconds of this call, which bound the training.
    """
    results = root / "results"
    files = ("--fp32", f"{root}/models/fp32.onnx", "--fp16", f"{root}/models/fp16.onnx", "--device", device)
    shapes = ("--size", "32x32", "--batch", "1", "--batch", "2", "--seconds", "0.1") if quick else ()
    minutes = max(left - (SLACK_S / 3 if quick else SLACK_S), 0) / 60
    fused = ("--compile",) if device == "cuda" else ()
    train = "from model.train_many import train_many_command as run; run()"
    return [
        Step(
            "gate",
            ("models", "site"),
            120,
            _module("benchmarks.gpu.gate", *files, "--json", f"{results}/gate.json"),
        ),
        Step(
            "throughput",
            ("site", "NUAA-SIRST"),
            300,
            _module(
                "benchmarks.train_throughput",
                *("--data", str(root), "--device", device, "--json", f"{results}/throughput.json"),
                *(("--steps", "1", "--workers", "0") if quick else ()),
            ),
        ),
        Step(
            "performance",
            ("models", "site"),
            600,
            _module("benchmarks.gpu.performance", *files, *shapes, "--json", f"{results}/performance.json"),
        ),
        Step(
            "parity",
            ("models", "site", *DATA_SETS),
            400,
            _module("benchmarks.gpu.parity", *files, "--data", str(root), "--json", f"{results}/parity.json"),
        ),
        Step(
            "training",
            ("site", *DATA_SETS),
            600,
            (
                *(sys.executable, "-c", train, *runs, "--data", str(root), "--out", f"{root}/runs"),
                *("--minutes", f"{minutes:.2f}", "--device", device, *fused),
            ),
            endless=True,
        ),
    ]


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)
