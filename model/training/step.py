"""One training step on the device: crops, loss, gradients, weights and their averages.

This network is so small that on a GPU launching its kernels takes longer than running them. So the step is captured
once as a CUDA graph; a replay takes the host a few dozen microseconds.
"""

import gc
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from model.network.hosts.host import Host
from model.network.normalisation import Normalisation
from model.recipe import Optimisation, Recipe, TrainingPrecision
from model.sampling.draws import RandomNumbers, mixed_seed
from model.sampling.hard_negatives import HardNegatives
from model.sampling.sampler import CropSampler
from model.training.losses import Loss, distillation_loss, dptk_loss
from model.training.state import TrainingState
from model.training.teacher import Teacher

Maps = Callable[[Tensor], Tensor | tuple[Tensor, ...]]
WARM_UP: Final = 3  # steps before a capture, in which libraries choose their kernels


@dataclass
class _Turn:
    """The steps of one crop size: what draws their crops, their random numbers and, on CUDA, their captured graphs."""

    sampler: CropSampler
    numbers: RandomNumbers
    graphs: dict[TrainingPrecision, torch.cuda.CUDAGraph] = field(default_factory=dict)


class TrainingStep:
    """Runs training steps that change ``state``.

    Args:
        recipe: the recipe of the run.
        state: the state to change.
        samplers: draw the crops, one for each of the sizes that steps take turns with.
        seed: the run's seed.
        hard: stores the worst background pixel of every crop, if the recipe uses hard negatives.
        compile_network: fuse the network's pointwise operations. Compiling takes a minute and is worth it on a GPU.
        loss: loss of one map of logits, in place of DpT-k as the recipe sets it. If the network has several maps, the
            mean of their losses is used.
        teacher: a trained network that the prediction is also compared with, as the recipe says.
    """

    def __init__(
        self,
        recipe: Recipe,
        state: TrainingState,
        samplers: Sequence[CropSampler],
        seed: int,
        hard: HardNegatives | None = None,
        compile_network: bool = False,
        loss: Loss | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        self._plan, self._state, self._hard, self._teacher = recipe.optimisation, state, hard, teacher
        self._loss_of = loss or _loss_of(self._plan)
        self._normalised = Normalisation(recipe.mean, recipe.std, recipe.network.in_channels).to(state.device)
        self._seed, self._device = seed, state.device
        self._maps: Maps = state.network.forward_all if isinstance(state.network, Host) else state.network
        if compile_network:
            self._maps = torch.compile(self._maps, dynamic=False)
        self._drops_out = any(isinstance(module, nn.Dropout) for module in state.network.modules())
        noise = recipe.augmentation.noise_share > 0
        self._turns = [
            _Turn(sampler, RandomNumbers.empty(size.batch, size.crop, noise, self._device))
            for sampler, size in zip(samplers, self._plan.sizes, strict=True)
        ]
        self._decay = torch.zeros((), device=self._device)
        self._loss = torch.zeros((), device=self._device)
        self._averaged = [value for value in state.average.values() if value.is_floating_point()]
        self._moving = [v for k, v in state.network.state_dict().items() if state.average[k].is_floating_point()]
        self._stream = torch.cuda.Stream() if self._device.type == "cuda" else None
        if self._stream is not None:  # pragma: cuda
            self._stream.wait_stream(torch.cuda.current_stream())  # it fills the tensors created above

    def run(self, step: int, learning_rate: float) -> Tensor:
        """Run step ``step``, counted from 0. The returned loss is a tensor that the next step overwrites."""
        turn, precision = self._turns[step % len(self._turns)], self._plan.precision_at(step)
        with self._on_stream():
            turn.numbers.fill(self._seed, step)
            self._state.learning_rate.fill_(learning_rate)
            # a smaller decay at the start, so that the random initial weights leave the average quickly
            self._decay.fill_(min(self._plan.average_decay, (1 + step) / (self._plan.average_ramp + step)))
            if self._stream is None:
                self._seed_dropout(step)
                self._compute(turn, precision)
            else:  # pragma: cuda
                self._replay(turn, step, precision)
        return self._loss

    def wait(self) -> None:
        """Wait until the device has finished all steps. Before that, other streams may see half a step."""
        if self._stream is not None:  # pragma: cuda
            self._stream.synchronize()

    def _replay(self, turn: _Turn, step: int, precision: TrainingPrecision) -> None:  # pragma: cuda
        if precision not in turn.graphs:
            torch.cuda.synchronize()  # a resumed state was written on another stream
            before = self._state.snapshot()
            for _ in range(WARM_UP):
                self._compute(turn, precision)
            self._state.restore(before)
            torch.cuda.synchronize()
            self._state.optimiser.zero_grad(set_to_none=True)
            graph = torch.cuda.CUDAGraph()
            gc.collect()  # freeing an old graph during a capture would abort the capture
            with torch.cuda.graph(graph, stream=self._stream):
                self._compute(turn, precision)
            turn.graphs[precision] = graph
        self._seed_dropout(step)
        turn.graphs[precision].replay()

    def _compute(self, turn: _Turn, precision: TrainingPrecision) -> None:
        state = self._state
        crops = turn.sampler.draw(turn.numbers)
        state.optimiser.zero_grad(set_to_none=True)
        maps = self._forward(crops.intensities, precision)
        loss = torch.stack([self._loss_of(logits.float(), crops.masks) for logits in maps]).mean()
        if self._teacher is not None:
            share = self._plan.teacher_share
            loss = (1 - share) * loss + share * self._difference(self._teacher, crops.intensities, maps[-1], precision)
        loss.backward()
        if self._hard is not None:
            self._hard.remember(maps[-1], crops.masks, crops.frame, crops.centre, crops.matrix)
        if self._plan.gradient_norm:
            nn.utils.clip_grad_norm_(state.network.parameters(), self._plan.gradient_norm)
        state.optimiser.step()
        self._loss.copy_(loss.detach())
        self._average()

    def _forward(self, intensities: Tensor, precision: TrainingPrecision) -> tuple[Tensor, ...]:
        """Intensities ``[N, 1, S, S]``, 0 to 255 -> supervised maps of logits ``[N, 1, S, S]``, the prediction last."""
        inputs = self._normalised(intensities)
        with self._arithmetic(precision):
            logits = self._maps(inputs.contiguous(memory_format=torch.channels_last))
        return logits if isinstance(logits, tuple) else (logits,)

    def _difference(
        self, teacher: Teacher, intensities: Tensor, prediction: Tensor, precision: TrainingPrecision
    ) -> Tensor:
        with self._arithmetic(precision):
            logits = teacher.logits(intensities)
        return distillation_loss(prediction, logits, 100 * self._plan.top_share, self._plan.top_pixels)

    def _seed_dropout(self, step: int) -> None:
        """Seed PyTorch's own generator, from which dropout draws, so that a resumed run repeats the draws."""
        if self._drops_out:
            torch.manual_seed(mixed_seed(self._seed, step, 2))

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of weights and batch norm statistics."""
        change = torch._foreach_sub(self._moving, self._averaged)
        torch._foreach_mul_(change, 1 - self._decay)
        torch._foreach_add_(self._averaged, change)

    def _arithmetic(self, precision: TrainingPrecision) -> AbstractContextManager[object]:
        if precision is TrainingPrecision.FP32:
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)

    def _on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)


def _loss_of(plan: Optimisation) -> Loss:
    """DpT-k as the recipe sets it."""
    return partial(
        dptk_loss,
        k=100 * plan.top_share,
        epsilon=plan.poly_epsilon,
        dice_per_crop=plan.dice_per_crop,
        pixels_per_crop=plan.top_pixels,
    )
