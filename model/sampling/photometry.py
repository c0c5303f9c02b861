"""What a camera may do to a crop's intensities: gain, offset, blur, noise, few levels."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from intensity import FULL_SCALE
from model.recipe import Augmentation
from model.sampling.draws import Draws


def photometry(pixels: Tensor, change: Augmentation, draws: Draws) -> Tensor:
    """Gain (0 stays 0) and offset, then blur, noise and coarse levels in the shares of crops the recipe names."""
    gain = torch.exp(draws.between(math.log(change.gain[0]), math.log(change.gain[1]))).view(-1, 1, 1, 1)
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
        pixels = torch.round(pixels / step) * step  # a scene that fills a small part of its sensor's range
    return pixels.clamp(0, FULL_SCALE)


def _blur(pixels: Tensor, sigma: Tensor, radius: int) -> Tensor:
    """Gaussian blur with a sigma of its own for every crop; 0 leaves it alone."""
    taps = torch.arange(-radius, radius + 1, device=pixels.device)
    kernel = torch.exp(-0.5 * (taps / sigma.clamp_min(1e-3).unsqueeze(1)) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).unsqueeze(1).unsqueeze(1)  # [N, 1, 1, K]
    count, batch = len(pixels), pixels.transpose(0, 1)
    padded = F.pad(batch, (radius,) * 4, mode="replicate")
    rows = F.conv2d(padded, kernel, groups=count)
    return F.conv2d(rows, kernel.transpose(2, 3), groups=count).transpose(0, 1)
