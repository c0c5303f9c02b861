"""The HorizontalPodAutoscaler that KEDA makes of ``deploy/kubernetes/components/keda``, as Kubernetes documents it.

While at least one pod runs, KEDA's own polling interval and cooldown have no effect: they are for the step between no
pod and one. The autoscaler reads both queries every 15 seconds.
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from benchmarks.scaling.pod import Pod

SYNC_EVERY_S: Final = 15.0
TOLERANCE: Final = 0.1
PERIOD_S: Final = 60.0  # of every policy
STABLE_S: Final = 300.0  # stabilizationWindowSeconds of scaling down
MOST_GROWTH: Final = 4.0  # clamp_max of the refusals


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be chosen.

    Attributes:
        queue: frames of the queue for each pod.
        with_refusals: whether the second trigger is used.
    """

    queue: float = 4.0
    with_refusals: bool = True
    fewest: int = 1
    most: int = 10


@dataclass(slots=True)
class Autoscaler:
    """Decides the number of pods. It keeps its recommendations and changes, as the time and the number of each."""

    rule: Rule
    recommended: list[tuple[float, int]] = field(default_factory=list)
    changes: list[tuple[float, int]] = field(default_factory=list)

    def decide(self, now: float, current: int, ready: int, pods: Sequence[Pod]) -> int:
        """The number of pods from now on.

        Args:
            current: pods that were asked for.
            ready: those of them that take requests.
            pods: all that Prometheus has samples of.
        """
        desired = max(self._by_queue(current, pods), self._by_refusals(current, ready, pods))
        self.recommended = [one for one in self.recommended if one[0] > now - STABLE_S] + [(now, desired)]
        desired = max(desired, min(current, max(number for _, number in self.recommended)))
        desired = min(max(self._limited(now, current, desired), self.rule.fewest), self.rule.most)
        if desired != current:
            self.changes.append((now, desired - current))
        return desired

    def _by_queue(self, current: int, pods: Sequence[Pod]) -> int:
        """Target of type AverageValue."""
        frames = sum(pod.mean_queue for pod in pods)
        usage = frames / (self.rule.queue * current)
        return current if abs(usage - 1) <= TOLERANCE else ceil(frames / self.rule.queue)

    def _by_refusals(self, current: int, ready: int, pods: Sequence[Pod]) -> int:
        """Target of type Value: the query gives 0 while nothing is refused."""
        refused, answered = (sum(pod.rate(name) for pod in pods) for name in ("refused", "answered"))
        if not self.rule.with_refusals or not refused:
            return 0
        growth = min(1 + refused / answered, MOST_GROWTH) if answered else MOST_GROWTH
        if growth <= 1.01:
            return 0
        return current if growth - 1 <= TOLERANCE else ceil(growth * ready)

    def _limited(self, now: float, current: int, desired: int) -> int:
        """What the policies allow: twice as many or two more within a minute, or one less."""
        changes = [change for time, change in self.changes if time > now - PERIOD_S]
        before_growth = current - sum(change for change in changes if change > 0)
        before_fall = current - sum(change for change in changes if change < 0)
        most = max(2 * before_growth, before_growth + 2, current)
        return max(min(desired, most), min(before_fall - 1, current))
