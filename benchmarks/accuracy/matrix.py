"""A network trained on each dataset, and on their union, scored on the test split of each of them.

python -m benchmarks.accuracy.matrix --data datasets --out runs/matrix --steps 300

All trainings have the same recipe, budget and seed, and begin with random weights. The last weights are scored, on the
frames' own pixels, at threshold 0.5: nothing is selected. A dataset without a test split is scored on the frames that
``--held-out`` keeps out of training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import click
import torch
from pydantic import BaseModel, ConfigDict

from benchmarks.compare.scoring import score_network
from export.report.table import Table, format_score
from model.commands.train import choose_device
from model.data.dataset import DataError, FrameFolder
from model.data.layouts import TEST, find_lists
from model.data.packed import pack
from model.files import write_atomically
from model.recipe import Recipe, RecipeError, load_recipe
from model.scoring.metrics import Scores
from model.training.allocator import keep_freed_memory
from model.training.selection import read_frames, training_record
from model.training.state import ResumeError
from model.training.trainer import STATE_FILE, Trainer, TrainingError

DATASETS: Final = ("NUAA-SIRST", "IRSTD-1k", "DenseSIRST", "NUDT-SIRST")
HELD_OUT: Final = "[0-9][0-9][0-9][0-9][0-9][27]"  # of NUDT-SIRST: a fifth of its frames
UNION: Final = "union"
HEAD: Final = ("trained on", "tested on", "frames", "IoU %", "nIoU %", "Pd %", "Fa identity e-6", "Fa legacy e-6")
CHECKPOINT_EVERY: Final = 100


class Result(BaseModel):
    """The scores of one training, by the name of the dataset that was tested."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    recipe: Recipe
    seed: int
    scores: dict[str, Scores]


@dataclass(frozen=True, slots=True)
class Matrix:
    """What all trainings share."""

    data: Path
    out: Path
    seed: int
    device: torch.device
    tests: dict[str, FrameFolder]

    def result(self, recipe: Recipe) -> Result:
        """Train and score, or read the result of a training that has finished.

        Raises:
            DataError, RecipeError, ResumeError, TrainingError: as reading and training do.
        """
        folder = self.out / recipe.name
        file = folder / "result.json"
        if file.exists():
            result = Result.model_validate_json(file.read_bytes())
            if (result.recipe, result.seed, set(result.scores)) != (recipe, self.seed, set(self.tests)):
                raise ResumeError(f"{file} was made with another budget, seed or dataset; use another --out")
            return result
        click.echo(f"{recipe.name}: training")
        result = Result(recipe=recipe, seed=self.seed, scores=self._scores(recipe, folder))
        write_atomically(file, result.model_dump_json(indent=1).encode() + b"\n")
        return result

    def _scores(self, recipe: Recipe, folder: Path) -> dict[str, Scores]:
        frames = pack(read_frames(recipe, self.data)).to(self.device)
        trainer = Trainer(recipe, frames, training_record(recipe, self.seed), self.seed, self.device, folder)
        if (folder / STATE_FILE).exists():
            trainer.resume()
        for _ in trainer.run(CHECKPOINT_EVERY, lambda: False):
            pass
        network = trainer.state.network
        network.load_state_dict(trainer.state.averaged_weights())
        return {name: score_network(network, recipe, [test], self.device) for name, test in self.tests.items()}


@click.command(epilog="Example: python -m benchmarks.accuracy.matrix --data datasets --out runs/matrix --steps 300")
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Folder that holds the datasets.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the runs; finished ones stay.")
@click.option("--dataset", "datasets", multiple=True, default=DATASETS, show_default=True, help="May be repeated.")
@click.option("--held-out", default=HELD_OUT, show_default=True, help="Test frames of datasets without a test split.")
@click.option("--recipe", default="nuaa-sirst", show_default=True, help="Its augmentation and optimiser are used.")
@click.option("--steps", type=click.IntRange(1), default=300, show_default=True)
@click.option("--batch", type=click.IntRange(1), default=8, show_default=True)
@click.option("--crop", type=click.IntRange(1), default=128, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cuda", "cpu"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.  [default: all]")
def matrix_command(
    data: Path,
    out: Path,
    datasets: tuple[str, ...],
    held_out: str,
    recipe: str,
    steps: int,
    batch: int,
    crop: int,
    seed: int,
    device: str,
    threads: int | None,
) -> None:
    """Print a table: each dataset and their union as training data, against the test frames of each.

    A command that was stopped continues with the same --out.
    """
    if threads:
        torch.set_num_threads(threads)
    keep_freed_memory()
    try:
        plan = load_recipe(recipe).with_budget(steps, batch, crop)
        without_test = [name for name in datasets if not find_lists(data / name, TEST)]
        tests = {
            name: frames_to_test(data / name, out, held_out if name in without_test else None) for name in datasets
        }
        matrix = Matrix(data, out, seed, choose_device(device), tests)
        trained_on = [*((name,) for name in datasets), datasets]
        results = [matrix.result(recipe_for(plan, one, without_test, held_out)) for one in trained_on]
    except (DataError, OSError, RecipeError, ResumeError, TrainingError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(as_table(results).markdown())


def recipe_for(plan: Recipe, trained_on: Sequence[str], without_test: Sequence[str], pattern: str) -> Recipe:
    """The recipe of one training. No frame of a test split of its datasets is trained on."""
    return plan.model_copy(
        update={
            "name": trained_on[0] if len(trained_on) == 1 else UNION,
            "datasets": tuple(trained_on),
            "exclude": tuple(f"{name}/{TEST}" for name in trained_on if name not in without_test),
            "held_out": (pattern,) if set(trained_on) & set(without_test) else (),
        }
    )


def frames_to_test(root: Path, out: Path, pattern: str | None) -> FrameFolder:
    """The test split of a dataset, or the frames of its training split that ``pattern`` matches.

    Raises:
        DataError: the dataset cannot be read, or the pattern matches no frame.
    """
    if pattern is None:
        return FrameFolder(root, TEST)
    names = [name for name in FrameFolder(root, "train").names if fnmatchcase(name, pattern)]
    if not names:
        raise DataError(f"{root} has no test split, and no frame of its training split matches --held-out {pattern}")
    chosen = out.resolve() / f"{root.name}-held-out.txt"
    chosen.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(chosen, "".join(f"{name}\n" for name in names).encode())
    return FrameFolder(root, chosen)


def as_table(results: Sequence[Result]) -> Table:
    """One row for each pair of training data and test frames."""
    return Table(HEAD, tuple(_row(one.recipe.name, test, s) for one in results for test, s in one.scores.items()))


def _row(trained_on: str, tested_on: str, scores: Scores) -> tuple[str, ...]:
    percent = (format_score(100 * value) for value in (scores.iou, scores.niou, scores.pd))
    return (
        trained_on,
        tested_on,
        str(scores.frames),
        *percent,
        format_score(scores.fa_identity),
        format_score(scores.fa_legacy),
    )


if __name__ == "__main__":
    matrix_command(prog_name="python -m benchmarks.accuracy.matrix")
