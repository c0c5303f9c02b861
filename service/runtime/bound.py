"""Runs on CUDA: buffers that never move, and a graph for each shape in place of a launch for each node."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

GRAPHS: Final = 128  # shapes that get one; ONNX Runtime keeps each, with its buffers, until the session ends
NO_GRAPH: Final = "-1"


@dataclass(frozen=True, slots=True)
class Slot:
    """What belongs to one shape."""

    input: ort.OrtValue
    output: ort.OrtValue
    binding: ort.IOBinding
    options: ort.RunOptions


class BoundRuns:  # pragma: cuda
    """Runs of a session on CUDA, one at a time.

    The number of frames is filled up to a power of two: with the few sizes of ``service.windows`` shapes stay few.
    """

    def __init__(self, session: ort.InferenceSession, input_name: str, output_name: str) -> None:
        self._session, self._input, self._output = session, input_name, output_name
        self._slots: dict[tuple[int, ...], Slot] = {}

    def run(self, intensities: NDArray[np.float32]) -> NDArray[np.float32]:
        """``[N, 1, H, W] -> [N, 1, H, W]``."""
        frames = len(intensities)
        missing = (1 << (frames - 1).bit_length()) - frames
        filled = np.pad(intensities, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else intensities
        slot = self._slot(filled.shape)
        slot.input.update_inplace(np.ascontiguousarray(filled))
        self._session.run_with_iobinding(slot.binding, slot.options)
        answer: NDArray[np.float32] = slot.output.numpy()
        return answer[:frames]

    def _slot(self, shape: tuple[int, ...]) -> Slot:
        if shape in self._slots:
            return self._slots[shape]
        slot = self._bind(shape, str(len(self._slots) + 1) if len(self._slots) < GRAPHS else NO_GRAPH)
        if len(self._slots) < GRAPHS:
            self._slots[shape] = slot
        return slot

    def _bind(self, shape: tuple[int, ...], graph: str) -> Slot:
        given, found = (ort.OrtValue.ortvalue_from_shape_and_type(list(shape), np.float32, "cuda") for _ in range(2))
        binding = self._session.io_binding()
        binding.bind_ortvalue_input(self._input, given)
        binding.bind_ortvalue_output(self._output, found)
        options = ort.RunOptions()
        options.add_run_config_entry("gpu_graph_id", graph)
        return Slot(given, found, binding, options)
