"""Training as research code usually does it, with PyTorch's data loader."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from intensity import auto_range, to_intensity
from model.data.dataset import FrameFolder
from model.network.checkpoint import build_network
from model.recipe import load_recipe
from model.training.losses import dptk_loss

BATCH: Final = 8
CROP: Final = 128


class Crops(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """One crop at a time: read a file, cut and flip on the CPU."""

    def __init__(self, folder: FrameFolder) -> None:
        self._folder = folder

    def __len__(self) -> int:
        return 100_000

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng(index)
        sample = self._folder.load(self._folder.names[rng.integers(len(self._folder))])
        image, mask = to_intensity(sample.counts, auto_range(sample.counts)), sample.mask.astype(np.float32)
        margins = tuple((0, max(0, CROP - side)) for side in image.shape)
        image, mask = np.pad(image, margins), np.pad(mask, margins)
        y, x = (int(rng.integers(0, side - CROP + 1)) for side in image.shape)
        crop, truth = image[y : y + CROP, x : x + CROP], mask[y : y + CROP, x : x + CROP]
        if rng.random() < 0.5:
            crop, truth = crop[:, ::-1], truth[:, ::-1]
        return torch.from_numpy((crop[None] - 90) / 60).float(), torch.from_numpy(truth[None].copy())


def plain_loop(folder: FrameFolder, device: torch.device, workers: int) -> Iterator[None]:
    """A training step for each item."""
    torch.manual_seed(0)
    network = build_network(load_recipe("nuaa-sirst").network).to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for images, masks in DataLoader(Crops(folder), BATCH, num_workers=workers, pin_memory=device.type == "cuda"):
        loss = dptk_loss(network(images.to(device, non_blocking=True)), masks.to(device, non_blocking=True))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        loss.item()
        yield
