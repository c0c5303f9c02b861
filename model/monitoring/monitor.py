"""Watches a run: logs it, scores it on held-out frames, and keeps the best weights beside the last."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.data.dataset import Sample
from model.files import write_atomically
from model.monitoring.curve import draw_curve
from model.monitoring.held_out import score_checkpoint
from model.monitoring.log import LogError, Row, RunLog
from model.scoring.metrics import Scores
from model.training.trainer import WEIGHTS_FILE, Progress, Trainer

BEST_FILE: Final = "best.safetensors"
ROW_EVERY: Final = 50  # steps


@dataclass(frozen=True, slots=True)
class Watch:
    """What is watched.

    Attributes:
        score_every: steps between two scores; 0 for no scores.
        samples: the held-out frames.
        tensorboard: whether TensorBoard events are written.
        tell: prints a line.
    """

    score_every: int
    samples: Sequence[Sample]
    tensorboard: bool
    tell: Callable[[str], None]


class Monitor:
    """Watches the run of a trainer, from its current step on.

    Raises:
        LogError: the log cannot be read or written.
    """

    def __init__(self, trainer: Trainer, out: Path, total: int, watch: Watch) -> None:
        self._trainer, self._out, self._total, self._watch = trainer, out, total, watch
        self._losses: list[float] = []  # since the last row
        self._log = RunLog(out, trainer.state.step, watch.tensorboard)
        self._best = _best_of(self._log.rows) if (out / BEST_FILE).exists() else None

    def watch(self, steps: Iterable[Progress]) -> Iterator[Progress]:
        """Pass on the progress of every step.

        Raises:
            LogError: the log, the picture or the best weights cannot be written.
        """
        every, last = self._watch.score_every, None
        try:
            for last in steps:
                if math.isfinite(last.loss):  # NaN until the first loss is read from a GPU
                    self._losses.append(last.loss)
                if last.step == self._total:  # the trainer may change the weights once more after its last step
                    pass
                elif every and last.step % every == 0:
                    self._trainer.save()
                    self._add(last, self._score())
                elif last.step % ROW_EVERY == 0:
                    self._add(last)
                yield last
            if last is not None and last.step == self._total:
                self._add(last, self._score() if every else None)
            draw_curve(self._out, self._log.rows, self._best.step if self._best else None)
        except OSError as error:
            raise LogError(f"cannot write the log: {error}") from error
        finally:
            self._log.close()

    def _score(self) -> Scores:
        """Scores of the averaged weights, as the trainer has written them."""
        return score_checkpoint(self._out / WEIGHTS_FILE, self._watch.samples, self._trainer.state.device)

    def _add(self, progress: Progress, scores: Scores | None = None) -> None:
        loss = sum(self._losses) / len(self._losses) if self._losses else float("nan")
        self._losses.clear()
        row = Row.of(progress.step, loss, progress.learning_rate, scores)
        self._log.add(row)
        if scores is None:
            return
        is_best = not math.isnan(row.iou) and (self._best is None or row.iou > self._best.iou)
        if is_best:
            self._best = row
            write_atomically(self._out / BEST_FILE, (self._out / WEIGHTS_FILE).read_bytes())
        draw_curve(self._out, self._log.rows, self._best.step if self._best else None)
        self._watch.tell(
            f"step {row.step}: held-out IoU {100 * row.iou:.2f} %, Pd {100 * row.pd:.2f} %, "
            f"{row.false_objects_per_megapixel:.2f} false objects / Mpx{', the best so far' if is_best else ''}"
        )


def _best_of(rows: Sequence[Row]) -> Row | None:
    scored = [row for row in rows if not math.isnan(row.iou)]
    return max(scored, key=lambda row: row.iou, default=None)
