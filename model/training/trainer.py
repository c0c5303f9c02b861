"""The training loop."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from model.data.packed import PackedFrames
from model.network.checkpoint import TrainingRecord, save_checkpoint
from model.network.folded_norm import fold_norms
from model.recipe import Optimisation, Recipe, Schedule
from model.sampling.hard_negatives import HardNegatives
from model.sampling.pasted_targets import cut_targets
from model.sampling.sampler import CropSampler
from model.training.losses import Loss
from model.training.norm_statistics import NormStatistics
from model.training.optimisers import make_optimiser
from model.training.start import initial_network
from model.training.state import TrainingState
from model.training.step import TrainingStep
from model.training.teacher import Teacher, teaching_checkpoint

STATE_FILE, WEIGHTS_FILE = "state.safetensors", "weights.safetensors"
ADVICE = "lower the learning rate or use fp32"
READ_EVERY = {"cpu": 1, "cuda": 50}  # steps between two reads of the loss; a read makes the host wait for the device


class TrainingError(Exception):
    """The run cannot continue. The message says why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress after a step. ``loss`` is the last loss that was read from the device; NaN before the first read."""

    step: int
    loss: float
    learning_rate: float


class Trainer:
    """One run of one recipe.

    Args:
        recipe: the recipe of the run.
        frames: the packed training frames.
        record: record for the checkpoints; ``steps`` is filled in.
        seed: seed of the initial weights and of every random draw.
        device: device of weights and frames.
        out: folder for ``state.safetensors`` (to resume), ``weights.safetensors`` (the averaged weights) and the copies
            of weights that the recipe keeps.
        network: makes a network to train in place of the recipe's RRCA-Net, such as a host network or an ablation.
        compile_network, loss: see ``TrainingStep``.

    Raises:
        DataError: the recipe pastes targets, and the frames have none that can be cut out.
        RecipeError: the initial weights or the teacher cannot be used.
    """

    def __init__(
        self,
        recipe: Recipe,
        frames: PackedFrames,
        record: TrainingRecord,
        seed: int,
        device: torch.device,
        out: Path,
        network: Callable[[], nn.Module] | None = None,
        compile_network: bool = False,
        loss: Loss | None = None,
    ) -> None:
        self._recipe, self._record, self._seed, self._device, self._out = recipe, record, seed, device, out
        self._plan = recipe.optimisation
        torch.manual_seed(seed)
        torch.backends.cudnn.allow_tf32 = False  # fp32 in a recipe means full float32; bf16 is there for less precision
        built: nn.Module = (network or (lambda: initial_network(recipe)))().to(device)
        built = built.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if device.type == "cpu":
            fold_norms(built)
        average = {name: value.detach().clone() for name, value in built.state_dict().items()}
        learning_rate = torch.zeros((), device=device)
        hard = HardNegatives(device) if recipe.augmentation.hard_share else None
        optimiser, memory = make_optimiser(built, self._plan, learning_rate), hard.tensors() if hard else {}
        self.state = TrainingState(built, average, optimiser, learning_rate, memory)
        taught_by = teaching_checkpoint(recipe)
        teacher = None if taught_by is None else Teacher(taught_by, device)
        self._data = frames.digest if teacher is None else f"{frames.digest} {teacher.digest}"
        packed = frames.to(device)
        patches = cut_targets(frames, device) if recipe.augmentation.paste_share else None
        samplers = [
            CropSampler(packed, recipe.augmentation, size.crop, hard, recipe.outside_intensity, patches)
            for size in self._plan.sizes
        ]
        self._step = TrainingStep(recipe, self.state, samplers, seed, hard, compile_network, loss, teacher)
        self._norms = NormStatistics(recipe, packed, seed) if self._plan.norm_batches else None

    def resume(self) -> int:
        """Resume from the state in ``out`` and return the number of finished steps.

        Raises:
            ResumeError: the state belongs to another run or cannot be read.
        """
        before = self.state.load(self._out / STATE_FILE, self._recipe, self._seed, self._data)
        if before is not None:
            self._record = before if self.state.step >= self._plan.steps else _continued(before, self._record)
        return self.state.step

    def run(self, checkpoint_every: int, stop: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Train to the end of the recipe, or until ``stop`` returns True.

        A checkpoint is saved every ``checkpoint_every`` steps and at the end.

        Raises:
            TrainingError: the loss or a weight is not finite, or a checkpoint cannot be written.
        """
        self.state.network.train()
        loss, every = float("nan"), READ_EVERY[self._device.type]
        kept = self._plan.keep_every
        unread: Tensor | None = None
        while self.state.step < self._plan.steps and not stop():
            learning_rate = learning_rate_at(self.state.step, self._plan)
            unread = self._step.run(self.state.step, learning_rate)
            due = (self.state.step + 1) % checkpoint_every == 0 or bool(kept and (self.state.step + 1) % kept == 0)
            if due or (self.state.step + 1) % every == 0 or self.state.step + 1 == self._plan.steps:
                loss, unread = self._read(unread, self.state.step), None
            self.state.step += 1
            if due:
                self.save()
            yield Progress(self.state.step, loss, learning_rate)
        if unread is not None:  # stopped between two reads of the loss
            self._read(unread, self.state.step - 1)
        self.save()

    def save(self) -> None:
        """Write the state and the averaged weights.

        Raises:
            TrainingError: a weight is not finite, the disk is full or the folder is not writable.
        """
        self._step.wait()
        if not self.state.is_finite():
            raise TrainingError(f"a weight is not finite after {self.state.step} steps; {ADVICE}")
        record = self._record.model_copy(update={"steps": self.state.step})
        try:
            save_checkpoint(self._out / WEIGHTS_FILE, self._result(), record)
            if self._plan.keep_every and self.state.step and self.state.step % self._plan.keep_every == 0:
                file = self._out / f"{Path(WEIGHTS_FILE).stem}-{self.state.step:06d}{Path(WEIGHTS_FILE).suffix}"
                save_checkpoint(file, self.state.averaged_weights(), record)
            self.state.save(self._out / STATE_FILE, self._recipe, self._seed, self._data, record)
        except OSError as error:
            raise TrainingError(f"cannot write the checkpoint: {error}") from error

    def _result(self) -> dict[str, Tensor]:
        """The averaged weights; at the end of the run with the batch norm statistics that the recipe asks for."""
        weights = self.state.averaged_weights()
        if self._norms is None or self.state.step < self._plan.steps:
            return weights
        return self._norms.recomputed(self.state.network, weights, self._plan.norm_batches)

    def _read(self, on_device: Tensor, step: int) -> float:
        self._step.wait()
        loss = on_device.item()
        if not math.isfinite(loss):
            raise TrainingError(f"loss is {loss} at step {step}; {ADVICE}")
        return loss


def refuse_to_overwrite(out: Path) -> None:
    """Refuse a folder with weights but without a state: these weights are all that is left of a run.

    Raises:
        TrainingError: ``out`` holds such weights.
    """
    kept = sorted(out.glob(f"{Path(WEIGHTS_FILE).stem}*{Path(WEIGHTS_FILE).suffix}"))
    if kept and not (out / STATE_FILE).exists():
        raise TrainingError(f"{kept[-1]} would be overwritten, and its run has no state: use another --out, or move it")


def _continued(before: TrainingRecord, now: TrainingRecord) -> TrainingRecord:
    """The record of a run that was resumed with another commit of the code: it names both commits."""
    commits = dict.fromkeys([*before.commit.split(", "), now.commit])
    return now.model_copy(update={"commit": ", ".join(commits)})


def learning_rate_at(step: int, plan: Optimisation) -> float:
    """Learning rate at a step.

    One cycle rises as a cosine over the warm-up share and falls as a cosine over the rest. The constant schedule is
    always at the peak.
    """
    if plan.schedule is Schedule.CONSTANT:
        return plan.peak_learning_rate
    top = plan.warm_up * plan.steps
    position = step / max(top, 1) if step < top else 1 + (step - top) / max(plan.steps - top, 1)
    share = 0.5 - 0.5 * math.cos(math.pi * position)
    return plan.peak_learning_rate * max(share, 1e-3)
