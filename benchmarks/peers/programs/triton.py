"""PyTriton, as its "Quick Start" has a model: one function, no batches.

python -m benchmarks.peers.programs.triton PORT
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytriton.model_config import ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

from benchmarks.peers.programs.work import Work

work = Work()


def detect(requests: list[Any]) -> list[dict[str, NDArray[np.uint8]]]:
    """Answer each request."""
    return [{"answer": answer(request["image"], request["size"])} for request in requests]


def answer(image: NDArray[np.uint8], size: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Do the work; bytes are tensors here."""
    width, height = size.tolist()
    return np.frombuffer(work(image.tobytes(), width, height), np.uint8)


if __name__ == "__main__":
    port = int(sys.argv[1])
    config = TritonConfig(http_address="127.0.0.1", http_port=port, allow_grpc=False, allow_metrics=False)
    with Triton(config=config) as triton:
        triton.bind(
            model_name="rrcanet",
            infer_func=detect,
            inputs=[Tensor(name="image", dtype=np.uint8, shape=(-1,)), Tensor(name="size", dtype=np.int32, shape=(2,))],
            outputs=[Tensor(name="answer", dtype=np.uint8, shape=(-1,))],
            config=ModelConfig(batching=False),
        )
        triton.serve()
