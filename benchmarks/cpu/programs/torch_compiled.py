"""The network as PyTorch compiles it for the CPU (``torch.compile``, Inductor), once for each size.

python -m benchmarks.cpu.programs.torch_compiled FOLDER RUNS CHECKPOINT PRECISION
"""

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks.cpu.programs.timing import Answer, Frames, run
from export.onnx.graph import ServedNetwork
from model.network.checkpoint import load_checkpoint


def load(checkpoint: Path, precision: str) -> Answer:
    """The network with one thread, its weights folded into the code."""
    torch.set_num_threads(1)
    network = ServedNetwork(load_checkpoint(checkpoint)).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    compiled: Callable[[torch.Tensor], torch.Tensor] = torch.compile(network, dynamic=False, options={"freezing": True})

    def answer(frame: Frames) -> Frames:
        given = torch.from_numpy(frame)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            return compiled(given).float().numpy()

    return answer


if __name__ == "__main__":
    _, folder, runs, checkpoint, precision = sys.argv
    run(lambda: load(Path(checkpoint), precision), Path(folder), int(runs))
