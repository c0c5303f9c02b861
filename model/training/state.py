"""The complete state of a training run. A run that was killed resumes from it exactly where it stopped."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from model.files import write_atomically
from model.network.checkpoint import METADATA_KEY, TrainingRecord
from model.recipe import Recipe

FINGERPRINT_KEY, DATA_KEY = "rrcanet.run", "rrcanet.data"


class ResumeError(Exception):
    """The state file cannot be used for this run. The message says why."""


@dataclass
class TrainingState:
    """Weights, their running average, the optimiser's moments, the sampler's memory and the number of finished steps.

    No random state is needed: every step uses a generator seeded by the run's seed and the step.
    """

    network: nn.Module
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    learning_rate: Tensor
    memory: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0

    @property
    def device(self) -> torch.device:
        """The device of all tensors."""
        return self.learning_rate.device

    def averaged_weights(self) -> dict[str, Tensor]:
        """The result of a run: averaged weights, and counters of batch norm as they are."""
        current = self.network.state_dict()
        return {k: v if v.is_floating_point() else current[k] for k, v in self.average.items()}

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of every tensor that training changes."""
        return {name: value.detach().clone() for name, value in self._tensors().items()}

    @torch.no_grad()
    def restore(self, before: dict[str, Tensor]) -> None:
        """Write a snapshot back in place. Tensors that were created after it are set to zero."""
        for name, value in self._tensors().items():
            value.copy_(before[name]) if name in before else value.zero_()

    def _tensors(self) -> dict[str, Tensor]:
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"average/{name}": value for name, value in self.average.items()}
        tensors |= {f"memory/{name}": value for name, value in self.memory.items()}
        for name, parameter in self.network.named_parameters():
            moments = self.optimiser.state.get(parameter, {})
            tensors |= {f"optimiser/{name}/{key}": value for key, value in moments.items()}
        return tensors

    def is_finite(self) -> bool:
        """Whether all weights and averages are finite. The call waits for the device."""
        weights = (*self.network.state_dict().values(), *self.average.values())
        return bool(torch.stack([value.isfinite().all() for value in weights if value.is_floating_point()]).all())

    def save(self, path: Path, recipe: Recipe, seed: int, data: str, record: TrainingRecord) -> None:
        """Write the state to one file in one atomic step. ``data`` is the digest of training frames and teacher."""
        tensors = self._tensors()
        tensors["step"] = torch.tensor(self.step)
        whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        metadata = {FINGERPRINT_KEY: fingerprint(recipe, seed), DATA_KEY: data, METADATA_KEY: record.model_dump_json()}
        write_atomically(path, save(whole, metadata))

    def load(self, path: Path, recipe: Recipe, seed: int, data: str) -> TrainingRecord | None:
        """Load a state that ``save`` wrote with the same recipe, seed, frames and teacher.

        Returns:
            The record of the run; None for a state of an old version, which had none.

        Raises:
            ResumeError: the file is no state, cannot be read, or belongs to another recipe, seed or data.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get(FINGERPRINT_KEY) != fingerprint(recipe, seed):
                    raise ResumeError(f"{path} belongs to another recipe or seed; use another --out")
                if metadata.get(DATA_KEY, data) != data:  # states of old versions have no digest
                    raise ResumeError(
                        f"{path} belongs to a run on other frames or with another teacher; use the same ones"
                    )
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise ResumeError(f"{path} is no training state: {error}") from error
        except OSError as error:
            raise ResumeError(f"{path} cannot be read: {error}") from error
        self.step = int(tensors.pop("step"))
        self.network.load_state_dict(_with_prefix(tensors, "network/"))
        for name, value in _with_prefix(tensors, "average/").items():
            self.average[name].copy_(value)
        for name, value in _with_prefix(tensors, "memory/").items():
            self.memory[name].copy_(value)
        for name, parameter in self.network.named_parameters():
            moments = _with_prefix(tensors, f"optimiser/{name}/")
            self.optimiser.state[parameter] = {
                key: (value.to(self.device) if key == "step" else torch.empty_like(parameter).copy_(value))
                for key, value in moments.items()
            }
        record_json = metadata.get(METADATA_KEY)
        return TrainingRecord.model_validate_json(record_json) if record_json else None


def fingerprint(recipe: Recipe, seed: int) -> str:
    """Text that must be equal for a run to resume: seed and recipe, without ``keep_every``, which changes no weight.

    Fields with their default are left out, so that a field of a later version does not end the runs of this one.
    """
    relevant = recipe.model_dump_json(exclude={"optimisation": {"keep_every"}}, exclude_defaults=True)
    return f"{seed}:{relevant}"


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
