"""The simulation of the autoscaler: against queueing theory, Kubernetes' rules and the manifest that ships."""

import json
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner

from benchmarks.scaling.autoscaler import Autoscaler, Rule
from benchmarks.scaling.command import main
from benchmarks.scaling.pod import QUEUE_LIMIT, WINDOW_S, Pod, Sample
from benchmarks.scaling.simulation import Second, Step, simulate
from service.settings import Settings
from tests.deploy.files import KUBERNETES

SERVICE_S = 0.05
START_S = 15.0


def seconds_of(*steps: Step, rule: Rule, seed: int = 1) -> list[Second]:
    return list(simulate(steps, rule, [SERVICE_S], START_S, seed))


def refused(seconds: list[Second]) -> int:
    return sum(second.refused for second in seconds)


def with_queue(frames: int) -> Pod:
    return Pod(0, 0, samples=[Sample(0, frames, 0, 0)])  # type: ignore[arg-type]


def test_waiting_is_what_queueing_theory_says_of_one_pod() -> None:
    load = 0.7
    seconds = seconds_of(Step(3000, load / SERVICE_S), rule=Rule(most=1))
    latencies = [latency for second in seconds for latency in second.latencies]
    theory = SERVICE_S * (1 + load / (2 * (1 - load)))  # M/D/1
    assert sum(latencies) / len(latencies) == pytest.approx(theory, rel=0.05)


def test_a_full_queue_refuses_and_the_longest_wait_is_the_queue() -> None:
    seconds = seconds_of(Step(120, 3 / SERVICE_S), rule=Rule(most=1))
    assert refused(seconds) / 120 == pytest.approx(2 / SERVICE_S, rel=0.1)
    longest = max(latency for second in seconds for latency in second.latencies)
    assert (QUEUE_LIMIT - 1) * SERVICE_S < longest <= QUEUE_LIMIT * SERVICE_S


def test_pods_follow_the_load_up_within_minutes_and_down_one_a_minute() -> None:
    seconds = seconds_of(Step(600, 4 / SERVICE_S), Step(1200, 0.1 / SERVICE_S), rule=Rule())
    assert seconds[0].desired == 1
    assert refused(seconds[:60]) > 0
    assert refused(seconds[300:]) == 0
    assert 4 < seconds[599].ready <= 10
    down = [second.desired for second in seconds[600:]]
    assert down[-1] == 1
    for before, after in zip(down, down[59:], strict=False):
        assert before - after <= 1


def test_refusals_decide_where_the_threshold_is_near_the_limit_of_the_queue() -> None:
    load = Step(600, 5 / SERVICE_S)
    lost = {on: refused(seconds_of(load, rule=Rule(queue=60, with_refusals=on))) for on in (False, True)}
    assert lost[True] < lost[False] / 2


def test_the_same_seed_gives_the_same_seconds() -> None:
    steps = Step(60, 1 / SERVICE_S), Step(60, 3 / SERVICE_S)
    assert seconds_of(*steps, rule=Rule(), seed=3) == seconds_of(*steps, rule=Rule(), seed=3)
    assert seconds_of(*steps, rule=Rule(), seed=3) != seconds_of(*steps, rule=Rule(), seed=4)


@pytest.mark.parametrize(
    ("current", "frames", "then"),
    [(1, 4, 1), (1, 12, 3), (1, 64, 3), (4, 64, 8), (4, 17, 4), (4, 19, 5)],
    ids=["at the target", "three times", "no more than two more", "no more than double", "within a tenth", "beyond it"],
)
def test_a_decision_is_that_of_kubernetes(current: int, frames: int, then: int) -> None:
    pods = [with_queue(frames)]
    assert Autoscaler(Rule(queue=4)).decide(600, current, current, pods) == then


def test_a_lower_load_counts_after_five_minutes() -> None:
    autoscaler, idle = Autoscaler(Rule(queue=4)), [with_queue(0)]
    assert autoscaler.decide(15, 8, 8, [with_queue(32)]) == 8
    assert [autoscaler.decide(time, 8, 8, idle) for time in (30, 150, 300)] == [8, 8, 8]
    assert autoscaler.decide(330, 8, 8, idle) == 7
    assert autoscaler.decide(345, 7, 7, idle) == 7, "one a minute"
    assert autoscaler.decide(405, 7, 7, idle) == 6


def test_the_rule_is_the_one_that_ships() -> None:
    scaled = yaml.safe_load((KUBERNETES / "components" / "keda" / "scaled-object.yaml").read_text())["spec"]
    queue, refusals = scaled["triggers"]
    shipped = Rule()
    assert (shipped.queue, shipped.fewest, shipped.most) == (
        float(queue["metadata"]["threshold"]),
        scaled["minReplicaCount"],
        scaled["maxReplicaCount"],
    )
    assert f"[{WINDOW_S / 60:g}m]" in queue["metadata"]["query"]
    assert refusals["metricType"] == "Value"
    behavior = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"] == {
        "stabilizationWindowSeconds": 300,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    }
    assert [(one["type"], one["value"]) for one in behavior["scaleUp"]["policies"]] == [("Percent", 100), ("Pods", 2)]
    assert Settings.model_fields["queue_size"].default == QUEUE_LIMIT


def test_the_command_measures_simulates_and_draws(tmp_path: Path) -> None:
    figures, picture = tmp_path / "scaling.json", tmp_path / "scaling.svg"
    arguments = ["--requests", "5", "--minutes", "0.5", "--runs", "1", "--json", str(figures), "--plot", str(picture)]
    ran = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    written = json.loads(figures.read_text())
    assert len(written["measured"]["service_s"]) == 5
    assert min(written["measured"]["service_s"]) > 0
    steps = written["by_step"]["4 frames"]
    assert [step["begin"] for step in steps] == [0, 15, 45, 75, 105]
    assert steps[3]["refused"] > 0, "twelve pods' load on at most a few pods"
    assert "<svg" in picture.read_text()
    assert "median of the service times" in ran.output
