"""What is run on the GPU machine, in order: each step a command with the parcels that it needs and a time limit.

Imports nothing that the machine has to be sent first.
"""

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

WEIGHTS: Final = Path(__file__).parents[2] / "model" / "weights" / "generalist-long.safetensors"
DATA_SETS: Final = ("NUAA-SIRST", "IRSTD-1k", "DenseSIRST")
SPLITS: Final = ("train", "test")  # a parcel each: parity needs no training frames, and they are three quarters
RECIPES: Final = Path(__file__).parents[2] / "model" / "recipes"
RUNS: Final = ("nuaa-sirst-authors:0", "nuaa-sirst-best:0")  # of the smallest data set
SLACK_S: Final = 45.0  # of training: frames are read before its own clock starts, states are written after it ends
COMPARED: Final = ("hosts", "ablations", "soft-iou")
COMPARISON_S: Final = 240.0  # of a call, which training shares
LEAST_S: Final = 30.0  # less is not worth the start of a step
COMPILED: Final = ("--size", "256x256", "--batch", "1", "--batch", "64")  # a minute each in both precisions
Device = Literal["cuda", "cpu"]


@dataclass(frozen=True, slots=True)
class Step:
    """``command`` goes on where it ended when it is run again.

    Attributes:
        needs: parcels that must be there.
        after: steps that must be done or have failed.
        least: seconds that must be left, or it waits for the next call.
        seconds: after which it is stopped, to go on in the next call.
        endless: it is never done: it uses what time there is, or finds by itself that nothing is left to do.
    """

    name: str
    needs: tuple[str, ...]
    seconds: float
    command: tuple[str, ...]
    endless: bool = False
    after: tuple[str, ...] = ()
    least: float = LEAST_S


def plan(
    root: Path, device: Device, quick: bool, runs: tuple[str, ...], left: float, fused: bool = False
) -> list[Step]:
    """All steps, what matters most first; training has what time is left by all others.

    Args:
        root: where parcels are unpacked, results and training runs are kept.
        quick: the same in the smallest sizes, to see that each runs.
        left: seconds of this call, which bound training.
        fused: train a compiled network.
    """
    results = root / "results"
    files = ("--fp32", f"{root}/models/fp32.onnx", "--fp16", f"{root}/models/fp16.onnx", "--device", device)
    shapes = ("--size", "32x32", "--batch", "1", "--batch", "2", "--seconds", "0.1") if quick else ()
    minutes = max(left - (SLACK_S / 2 if quick else SLACK_S), 0) / 60
    train = "from model.commands.train_many import train_many_command as run; run()"
    first = f"parity-{DATA_SETS[0]}"
    return [
        Step(
            "gate",
            ("models", "site", "ort"),
            150,
            _module("benchmarks.gpu.gate", *files, "--json", f"{results}/gate.json"),
        ),
        *(
            Step(
                f"parity-{name}",
                ("models", "site", "ort", f"{name}-test"),
                120,
                _module(
                    "benchmarks.gpu.parity",
                    *(*files, "--data", str(root), "--set", name, "--json", f"{results}/parity.json"),
                ),
            )
            for name in DATA_SETS
        ),
        Step(
            "performance",
            ("models", "site", "ort"),
            600,
            _module("benchmarks.gpu.performance", *files, *shapes, "--json", f"{results}/performance.json"),
            least=LEAST_S if quick else 2 * LEAST_S,  # what is stopped has lost one of its tries
        ),
        Step(
            "compiled",
            ("models", "site", "ort"),
            300,
            _module(
                "benchmarks.gpu.performance",
                *(*files, *(shapes or COMPILED), "--compile", "--json", f"{results}/performance.json"),
            ),
            after=("performance",),
            least=LEAST_S if quick else 2 * LEAST_S,
        ),
        Step(
            "throughput",
            ("site", "NUAA-SIRST-train"),
            120,
            _module(
                "benchmarks.train_throughput",
                *("--data", str(root), "--device", device, "--json", f"{results}/throughput.json"),
                *(("--steps", "1", "--workers", "0") if quick else ()),
            ),
            after=("performance", first),
        ),
        Step(
            "comparison",
            ("site", "NUAA-SIRST-train", "NUAA-SIRST-test"),
            COMPARISON_S,
            _module(
                "benchmarks.compare",
                *(*COMPARED, "--data", str(root), "--device", device, "--out", f"{root}/compare"),
                *("--minutes", f"{max(min(left, COMPARISON_S) - SLACK_S, 0) / 60:.2f}"),
                *("--table", f"{results}/compare.md", "--json", f"{results}/compare.json"),
                *(("--only", "acm", "--steps", "1", "--batch", "2", "--crop", "32", "--seeds", "1") if quick else ()),
            ),
            endless=True,
            least=LEAST_S if quick else SLACK_S + LEAST_S,
        ),
        Step(
            "training",
            ("site", *frames_of(runs)),
            600,
            (
                *(sys.executable, "-c", train, *runs, "--data", str(root), "--out", f"{root}/runs"),
                *("--minutes", f"{minutes:.2f}", "--device", device, *(("--compile",) if fused else ())),
            ),
            endless=True,
            least=LEAST_S if quick else SLACK_S + LEAST_S,
        ),
    ]


def frames_of(runs: tuple[str, ...]) -> tuple[str, ...]:
    """Parcels that the recipes of some runs read, each once."""
    found: dict[str, None] = {}
    for run in runs:
        recipe = tomllib.loads((RECIPES / f"{run.partition(':')[0]}.toml").read_text())
        excluded = (split.rpartition("/") for split in recipe.get("exclude", ()))
        found |= dict.fromkeys(f"{name}-train" for name in recipe["datasets"])
        found |= dict.fromkeys(f"{name}-{split}" for name, _, split in excluded)
    return tuple(found)


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)
