"""OpenVINO as the service runs it: one network for every size, or one for each.

python -m benchmarks.cpu.programs.open_vino FOLDER RUNS MODEL PRECISION free|fixed
"""

import sys
from pathlib import Path

from benchmarks.cpu.programs.timing import Answer, Frames, run
from service.runtime.openvino.compiled import Compiled
from service.runtime.openvino.compiler import Compiler


def load(model: Path, precision: str, is_fixed: bool) -> Answer:
    """The networks, with one thread."""
    compiler = Compiler(model, model.read_bytes(), 1)
    free = None if is_fixed else compiler.compile(precision, None, None)
    fixed: dict[tuple[int, int], Compiled] = {}

    def answer(frame: Frames) -> Frames:
        height, width = frame.shape[2:]
        if free is None and (height, width) not in fixed:
            fixed[height, width] = compiler.compile(precision, None, (height, width))
        return (free or fixed[height, width]).run(frame)

    return answer


if __name__ == "__main__":
    _, folder, runs, model, precision, shapes = sys.argv
    run(lambda: load(Path(model), precision, shapes == "fixed"), Path(folder), int(runs))
