"""Everything a training run must remember to go on exactly where it was killed."""

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
    """A state file that does not belong to this run."""


@dataclass
class TrainingState:
    """Weights, their running average, the optimiser's moments, the sampler's memory and the number of steps done.

    There is no random state: every step draws from a generator seeded by the run's seed and the step.
    """

    network: nn.Module
    average: dict[str, Tensor]
    optimiser: torch.optim.Optimizer
    learning_rate: Tensor
    memory: dict[str, Tensor] = field(default_factory=dict)
    step: int = 0

    @property
    def device(self) -> torch.device:
        """Where everything but ``step`` lives."""
        return self.learning_rate.device

    def averaged_weights(self) -> dict[str, Tensor]:
        """What a run is for: averages, and the counters as they are."""
        current = self.network.state_dict()
        return {k: v if v.is_floating_point() else current[k] for k, v in self.average.items()}

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of every tensor that training moves."""
        return {name: value.detach().clone() for name, value in self._tensors().items()}

    @torch.no_grad()
    def restore(self, before: dict[str, Tensor]) -> None:
        """Write a snapshot back in place; what did not exist when it was taken starts from zero."""
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
        """Whether weights and averages are numbers; waits for the device."""
        weights = (*self.network.state_dict().values(), *self.average.values())
        return bool(torch.stack([value.isfinite().all() for value in weights if value.is_floating_point()]).all())

    def save(self, path: Path, recipe: Recipe, seed: int, data: str, record: TrainingRecord) -> None:
        """Write the state in one file that is never half written; ``data`` is the digest of its frames."""
        tensors = self._tensors()
        tensors["step"] = torch.tensor(self.step)
        whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        of_run = {FINGERPRINT_KEY: fingerprint(recipe, seed), DATA_KEY: data, METADATA_KEY: record.model_dump_json()}
        write_atomically(path, save(whole, of_run))

    def load(self, path: Path, recipe: Recipe, seed: int, data: str) -> TrainingRecord | None:
        """Take up a state written by ``save`` under the same recipe and seed, on the same frames.

        Returns:
            How it came about; states of before do not tell.

        Raises:
            ResumeError: the file is no state, cannot be read, or is of another recipe, seed or data.
        """
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                if metadata.get(FINGERPRINT_KEY) != fingerprint(recipe, seed):
                    raise ResumeError(f"{path} was written under another recipe or seed; use another --out")
                if metadata.get(DATA_KEY, data) != data:  # states of before tell nothing of theirs
                    raise ResumeError(f"{path} was written while training on other frames; use the same --data")
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
    """What must be equal for a run to go on; which weights are kept on the way decides nothing."""
    decisive = recipe.model_dump_json(exclude={"optimisation": {"keep_every"}})
    return f"{seed}:{decisive}"


def _with_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
