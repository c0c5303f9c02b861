"""One run of a comparison: train to the end of the budget, score, and write the result to a file."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict
from tqdm import tqdm

from benchmarks.compare.contenders import Contender
from benchmarks.compare.scoring import score_network
from model.data.dataset import FrameFolder
from model.data.packed import PackedFrames
from model.files import write_atomically
from model.recipe import Recipe
from model.scoring.metrics import Scores
from model.training.selection import training_record
from model.training.state import ResumeError
from model.training.trainer import STATE_FILE, Trainer

RESULT_FILE = "result.json"
CHECKPOINT_EVERY = 100  # steps: half an hour for the largest network on a slow CPU


class Result(BaseModel):
    """The result of a finished run; only results of the same ``recipe`` and ``tested_on`` are compared."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    name: str
    seed: int
    parameters: int
    recipe: Recipe
    tested_on: tuple[str, ...]
    trained_on: str | None = None  # digest; older results have none
    device: str
    scores: Scores


@dataclass(frozen=True, slots=True)
class Comparison:
    """What all runs share: the budget (in the recipe), the training frames, the test frames, device and folder."""

    recipe: Recipe
    frames: PackedFrames
    tests: tuple[FrameFolder, ...]
    device: torch.device
    out: Path

    @property
    def tested_on(self) -> tuple[str, ...]:
        """Names of the datasets with their split."""
        return tuple(f"{folder.root.resolve().name}/{folder.split}" for folder in self.tests)

    def finished(self, contender: Contender, seed: int) -> Result | None:
        """The result of a run that has finished, None if it has not.

        Raises:
            ResumeError: the run had another budget, recipe, test split or training frames.
        """
        path = self._folder(contender, seed) / RESULT_FILE
        if not path.exists():
            return None
        result = Result.model_validate_json(path.read_bytes())
        if (result.recipe, result.tested_on) != (self._recipe_of(contender), self.tested_on):
            raise ResumeError(f"{path} was made under another budget, recipe or test; use another --out")
        if result.trained_on not in (None, self.frames.digest) or result.scores.frames != sum(map(len, self.tests)):
            raise ResumeError(f"{path} was made with other frames; use another --out")
        return result

    def run(self, contender: Contender, seed: int, stop: Callable[[], bool]) -> Result | None:
        """Begin or resume a run; None if ``stop`` ended it before its last step.

        Raises:
            ResumeError, TrainingError, DataError, OSError: as training and reading do.
        """
        recipe, folder = self._recipe_of(contender), self._folder(contender, seed)
        trainer = Trainer(
            recipe,
            self.frames,
            training_record(recipe, seed),
            seed,
            self.device,
            folder,
            network=lambda: contender.build(recipe.network.in_channels),
            loss=contender.loss,
        )
        if (folder / STATE_FILE).exists():
            trainer.resume()
        _train(trainer, recipe.optimisation.steps, stop)
        if trainer.state.step < recipe.optimisation.steps:
            return None
        return self._score(contender, seed, trainer)

    def _score(self, contender: Contender, seed: int, trainer: Trainer) -> Result:
        recipe, network, folder = self._recipe_of(contender), trainer.state.network, self._folder(contender, seed)
        network.load_state_dict(trainer.state.averaged_weights())
        result = Result(
            name=contender.name,
            seed=seed,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            recipe=recipe,
            tested_on=self.tested_on,
            trained_on=self.frames.digest,
            device=torch.cuda.get_device_name() if self.device.type == "cuda" else "cpu",
            scores=score_network(network, recipe, self.tests, self.device),
        )
        write_atomically(folder / RESULT_FILE, result.model_dump_json(indent=1).encode() + b"\n")
        (folder / STATE_FILE).unlink()  # four times the size of the weights, and a finished run is not resumed
        return result

    def _recipe_of(self, contender: Contender) -> Recipe:
        """The common recipe under the contender's name, so that no run resumes from the state of another."""
        return self.recipe.model_copy(update={"name": f"{self.recipe.name}: {contender.name}"})

    def _folder(self, contender: Contender, seed: int) -> Path:
        return self.out / f"{contender.name}-{seed}"


def _train(trainer: Trainer, steps: int, stop: Callable[[], bool]) -> None:
    first, quiet = trainer.state.step, not sys.stderr.isatty()
    with tqdm(desc="training", initial=first, total=steps, unit="step", disable=quiet) as progress:
        for _ in trainer.run(CHECKPOINT_EVERY, stop):
            progress.update()
