"""Photometric augmentation of crops: gain, offset, blur, noise and coarse levels, as cameras cause them."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from intensity import FULL_SCALE
from model.recipe import Augmentation
from model.sampling.draws import Draws


def photometry(pixels: Tensor, change: Augmentation, draws: Draws) -> Tensor:
    """Augment intensities ``[N, 1, S, S]``.

    Every crop gets a gain, which maps 0 to 0, and an offset. Blur, noise and coarse levels follow, each for the share
    of crops that the recipe sets.
    """
    gain = draws.log_between(*change.gain).view(-1, 1, 1, 1)
    offset = draws.between(*change.offset).view(-1, 1, 1, 1)
    pixels = pixels * gain + offset
    if change.blur_share:
        radius = max(3, math.ceil(3 * change.blur_sigma[1]))
        pixels = _blur(pixels, draws.between(*change.blur_sigma) * draws.chance(change.blur_share), radius)
    if change.noise_share:
        sigma = draws.between(*change.noise_sigma) * draws.chance(change.noise_share)
        pixels = pixels + sigma.view(-1, 1, 1, 1) * draws.normal()
    if change.bits_share:
        step = torch.where(draws.chance(change.bits_share), draws.between(*change.level_step), 1.0)
        step = step.view(-1, 1, 1, 1)
        pixels = torch.round(pixels / step) * step  # like a scene that uses a small part of the sensor's range
    return pixels.clamp(0, FULL_SCALE)


def _blur(pixels: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Gaussian blur with one ``sigma`` per crop, ``[N]``; a crop with sigma 0 stays as it is."""
    taps = torch.arange(-radius, radius + 1, device=pixels.device)
    kernel = torch.exp(-0.5 * (taps / sigma.clamp_min(1e-3).unsqueeze(1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).unsqueeze(1).unsqueeze(1)  # [N, 1, 1, K]
    count, batch = len(pixels), pixels.transpose(0, 1)  # [1, N, S, S]: one group of the convolution per crop
    padded = F.pad(batch, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel, groups=count)
    return F.conv2d(rows, kernel.transpose(2, 3), groups=count).transpose(0, 1)
