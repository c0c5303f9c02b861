"""The training loop."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from model.checkpoint import TrainingRecord, build_network, save_checkpoint
from model.losses import dptk_loss
from model.recipe import Optimisation, Precision, Recipe
from model.sampler import CropSampler, PackedFrames
from model.state import TrainingState

STATE_FILE, WEIGHTS_FILE = "state.safetensors", "weights.safetensors"


class TrainingError(Exception):
    """A run that cannot go on, and why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a run."""

    step: int
    loss: float
    learning_rate: float


class Trainer:
    """One run of one recipe.

    Args:
        recipe: what to do.
        frames: the packed training frames.
        record: what the checkpoints will say of themselves; ``steps`` is filled in.
        seed: of the initial weights and of every draw.
        device: where weights and frames live.
        out: folder for ``state.safetensors`` (to resume) and ``weights.safetensors`` (the averaged weights).
    """

    def __init__(
        self,
        recipe: Recipe,
        frames: PackedFrames,
        record: TrainingRecord,
        seed: int,
        device: torch.device,
        out: Path,
    ) -> None:
        self._recipe, self._record, self._seed, self._device, self._out = recipe, record, seed, device, out
        self._plan = recipe.optimisation
        torch.manual_seed(seed)
        network: nn.Module = build_network(recipe.network).to(device)
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=self._plan.weight_decay)
        average = {name: value.detach().clone() for name, value in network.state_dict().items()}
        self.state = TrainingState(network, average, optimiser)
        self._sampler = CropSampler(frames.to(device), recipe.augmentation, self._plan.crop, self._plan.batch)

    def resume(self) -> int:
        """Go on from the state in ``out``; returns the number of steps already done."""
        self.state.load(self._out / STATE_FILE, self._recipe, self._seed)
        return self.state.step

    def run(self, checkpoint_every: int, stop: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Train to the end of the recipe, or until ``stop`` says so, saving on the way.

        Raises:
            TrainingError: the loss is no finite number.
            OSError: a checkpoint cannot be written.
        """
        self.state.network.train()
        while self.state.step < self._plan.steps and not stop():
            progress = self._step()
            if self.state.step % checkpoint_every == 0:
                self.save()
            yield progress
        self.save()

    def save(self) -> None:
        """Write the state and the averaged weights."""
        record = self._record.model_copy(update={"steps": self.state.step})
        save_checkpoint(self._out / WEIGHTS_FILE, self.state.average, record)
        self.state.save(self._out / STATE_FILE, self._recipe, self._seed)

    def _step(self) -> Progress:
        state, step = self.state, self.state.step
        learning_rate = one_cycle(step, self._plan)
        for group in state.optimiser.param_groups:
            group["lr"] = learning_rate
        intensities, masks = self._sampler.draw(generator_of_step(self._seed, step))
        loss = self._loss(intensities, masks)
        value = loss.item()
        if not math.isfinite(value):
            raise TrainingError(f"loss is {value} at step {step}; lower the learning rate or use fp32")
        state.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(state.network.parameters(), self._plan.gradient_norm)
        state.optimiser.step()
        state.step += 1
        update_average(state.average, state.network, self._plan.average_decay, state.step)
        return Progress(state.step, value, learning_rate)

    def _loss(self, intensities: Tensor, masks: Tensor) -> Tensor:
        """Intensities ``[N, 1, S, S]`` (0 to 255) and masks -> scalar."""
        inputs = (intensities - self._recipe.mean) / self._recipe.std
        inputs = inputs.expand(-1, self._recipe.network.in_channels, -1, -1)
        with self._arithmetic():
            logits = self.state.network(inputs.contiguous(memory_format=torch.channels_last))
        return dptk_loss(logits, masks)

    def _arithmetic(self) -> AbstractContextManager[object]:
        if self._plan.precision is Precision.FP32:
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)


def one_cycle(step: int, plan: Optimisation) -> float:
    """Learning rate: cosine up over the warm-up share, cosine down over the rest."""
    top = plan.warm_up * plan.steps
    position = step / max(top, 1) if step < top else 1 + (step - top) / max(plan.steps - top, 1)
    share = 0.5 - 0.5 * math.cos(math.pi * position)
    return plan.peak_learning_rate * max(share, 1e-3)


def generator_of_step(seed: int, step: int) -> torch.Generator:
    """The draws of a step depend on nothing but seed and step, so a resumed run repeats them."""
    return torch.Generator().manual_seed((seed << 32) + step)


def update_average(average: dict[str, Tensor], network: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of weights and batch norm statistics, short-sighted at the start."""
    decay = min(decay, (1 + step) / (10 + step))
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)
