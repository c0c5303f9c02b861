"""Whether anything still runs on the device in this process."""

import torch


def is_alive(device: str) -> bool:
    """False after a fault that ends everything on CUDA in this process, such as an illegal address."""
    try:
        if device == "cuda":
            torch.cuda.synchronize()
    except RuntimeError:
        return False
    return True
