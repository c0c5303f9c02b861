"""Two servers under one real Prometheus: what dashboard, alerts and autoscaler ask, and a rollout seen from outside."""

import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
import yaml  # type: ignore[import-untyped]

from tests.deploy.files import KUBERNETES, dashboard
from tests.deploy.prometheus import Prometheus, Series, instance, scraping
from tests.service.api.test_health import value
from tests.support.frames import GOOD
from tests.support.server import Process, running
from tests.support.small_models import write_small_model
from tests.support.waiting import wait_until

OF_A_STEP = (
    300  # requests of a step of the rollout: of 5 % of them, fewer than 3 or more than 39 are not seen by chance
)
SENT = (5, 3)  # frames to each server
ANSWERS = 'sum by (version) (rrcanet_requests_total{route="/v1/detect", status="200"})'
COMPARED = {f"{what} by version" for what in ("Requests", "Latency", "Targets a request", "Failures", "Confidence")}
FAILURES = 'sum(rrcanet_requests_total{route="/v1/detect", status!="200"})'


class Watched(NamedTuple):
    """Servers as processes, the folder with their settings and models, and what scrapes them."""

    folder: Path
    processes: list[Process]
    servers: list[httpx.Client]
    prometheus: Prometheus

    def total(self, metric: str, **labels: str) -> float:
        """What both servers say of a metric now."""
        return sum(value(server, metric, **labels) for server in self.servers)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("two")
    (folder / "models").mkdir()
    write_small_model(folder / "models" / "small-1.onnx")
    (folder / ".env").write_text("RRCANET_CANARY=small@2:0\n")
    with ExitStack() as stack:
        started = [
            stack.enter_context(running(MODELS=f"{folder}/models", working_folder=str(folder))) for _ in range(2)
        ]
        servers = [server for _, server in started]
        prometheus = stack.enter_context(scraping(folder, *servers))
        wait_until(lambda: prometheus.number("sum(rrcanet_ready)") == 2, "the servers are not scraped")
        yield Watched(folder, [process for process, _ in started], servers, prometheus)


def load(servers: list[httpx.Client]) -> None:
    """A frame, and something that is no frame: without it no refusal would be seen."""
    for server in servers:
        server.post("/v1/detect", content=GOOD).raise_for_status()
        assert server.post("/v1/detect", content=b"no frame").status_code == 415


def test_sums_over_both_are_what_both_have_answered(watched: Watched) -> None:
    sums = {
        'sum(rrcanet_requests_total{route="/v1/detect", version="1"})': 0,
        'sum(rrcanet_frames_total{outcome="ok"})': 0,
        "sum(rrcanet_targets_total)": 0,
        "sum(rrcanet_target_confidence_count)": 0,
    }
    before = {one: watched.prometheus.number(one) for one in sums}
    answers = [
        server.post("/v1/detect", content=GOOD).json()
        for server, times in zip(watched.servers, SENT, strict=True)
        for _ in range(times)
    ]
    targets = sum(len(answer["frames"][0]["targets"]) for answer in answers)
    assert targets > sum(SENT)
    expected = dict(zip(sums, (sum(SENT), sum(SENT), targets, targets), strict=True))

    def found() -> dict[str, float]:
        return {one: watched.prometheus.number(one) - before[one] for one in sums}

    wait_until(lambda: found() == expected, f"not {expected}")
    labels = {"route": "/v1/detect", "status": "200", "model": "small", "version": "1"}
    both = watched.total("rrcanet_requests_total", **labels)
    assert watched.prometheus.number('sum(rrcanet_requests_total{version="1", route="/v1/detect"})') == both
    each = watched.prometheus.query('rrcanet_requests_total{version="1", route="/v1/detect"}')
    assert {one["metric"]["instance"] for one in each} == {instance(server) for server in watched.servers}


def test_every_query_of_the_dashboard_has_data_of_both_servers(watched: Watched) -> None:
    unanswered = {target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]}
    assert len(unanswered) >= 15
    both = {instance(server) for server in watched.servers}

    def is_answered(query: str) -> bool:
        numbers = [one for one in watched.prometheus.query(as_asked(query)) if is_number(one)]
        servers = {one["metric"].get("instance") for one in numbers}
        return bool(numbers) and servers in ({None}, both)

    def ask() -> bool:
        load(watched.servers)
        unanswered.difference_update({query for query in unanswered if is_answered(query)})
        return not unanswered

    wait_until(ask, unanswered, 0.2)


def test_the_servers_to_choose_from_on_the_dashboard_are_those_scraped(watched: Watched) -> None:
    (variable,) = dashboard()["templating"]["list"]
    match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
    assert match is not None
    servers = {one["metric"][match[2]] for one in watched.prometheus.query(match[1])}
    assert servers == {instance(server) for server in watched.servers}


def test_the_queries_of_the_autoscaler_have_one_number_each(watched: Watched) -> None:
    file = KUBERNETES / "components" / "keda" / "scaled-object.yaml"
    queries = [trigger["metadata"]["query"] for trigger in yaml.safe_load(file.read_text())["spec"]["triggers"]]
    assert [len(watched.prometheus.query(query)) for query in queries] == [1, 1]


def test_every_rule_is_evaluated_on_metrics_that_servers_have(watched: Watched) -> None:
    load(watched.servers)  # a route appears in the metrics with its first request
    rules = watched.prometheus.rules()
    named = {name for rule in rules for name in re.findall(r"\brrcanet_\w+", rule["query"])}
    named -= {name for rule in rules if rule["type"] == "recording" for name in re.findall(r"\w+", rule["name"])}
    assert named
    absent = set(named)
    wait_until(
        lambda: not [name for name in absent if not watched.prometheus.query(name)], f"some of {named} are absent"
    )
    wait_until(lambda: {rule["health"] for rule in watched.prometheus.rules()} == {"ok"}, "rules are not evaluated")
    assert [rule["name"] for rule in rules if rule["type"] == "alerting" and rule["state"] == "firing"] == []


def test_a_rollout_under_load_each_step_of_which_prometheus_shows(watched: Watched) -> None:
    """A file that is absent, nothing, 5 %, all, and back: no request fails."""
    prometheus = watched.prometheus
    with asking(watched.servers) as answers:
        assert by_version(watched) == {"1": 1.0}
        failures = prometheus.number(FAILURES)
        assert loaded(prometheus) == {"1"}

        write_small_model(watched.folder / "waiting", version="2")
        (watched.folder / "waiting").rename(watched.folder / "models" / "small-2.onnx")
        wait_until(lambda: loaded(prometheus) == {"1", "2"}, "Prometheus does not see the new file")
        assert by_version(watched) == {"1": 1.0}, "a new file takes no request before its share is set"

        choose(watched, 0.05)
        assert 0.01 <= by_version(watched)["2"] <= 0.13
        titles = {panel["title"] for panel in dashboard()["panels"] if panel["title"].endswith(" by version")}
        assert titles >= COMPARED
        for title in titles:
            wait_until(lambda title=title: compared(prometheus, title) == {"1", "2"}, f"{title}: not both versions")  # type: ignore[misc]

        choose(watched, 1)
        assert by_version(watched) == {"2": 1.0}
        choose(watched, 0)
        assert by_version(watched) == {"1": 1.0}
    assert set(answers) == {"1", "2"}, "an answer was not 200"
    assert prometheus.number(FAILURES) == failures


def choose(watched: Watched, share: float) -> None:
    """Change the share of version 2 while the servers run."""
    (watched.folder / ".env").write_text(f"RRCANET_CANARY=small@2:{share}\n")
    for process, server in zip(watched.processes, watched.servers, strict=True):
        process.send_signal(signal.SIGHUP)
        wait_until(lambda server=server: share_of_2(server) == share, f"the share does not become {share}")  # type: ignore[misc]


def share_of_2(server: httpx.Client) -> float:
    (share,) = [one["share"] for one in server.get("/v1/models").json()["models"] if one["version"] == "2"]
    return float(share)


def loaded(prometheus: Prometheus) -> set[str]:
    """The versions that both servers have loaded."""
    found = prometheus.query("count by (version) (rrcanet_model_info) == 2")
    return {one["metric"]["version"] for one in found}


def by_version(watched: Watched) -> dict[str, float]:
    """Of the requests from now on, as Prometheus counts them, the share of each version that answers some."""
    began = time.time() + 0.2  # the requests that are on their way now are answered then
    wait_until(lambda: watched.prometheus.number("min(timestamp(rrcanet_ready))") > began, "no scrape")
    before = answered(watched.prometheus)

    def since() -> dict[str, float]:
        return {version: count - before.get(version, 0) for version, count in answered(watched.prometheus).items()}

    wait_until(lambda: sum(since().values()) >= OF_A_STEP, "too few requests are answered", 0.2)
    counts = since()
    return {version: count / sum(counts.values()) for version, count in counts.items() if count}


def compared(prometheus: Prometheus, title: str) -> set[str]:
    """The versions of which a panel of the dashboard shows a number."""
    (query,) = [panel["targets"][0]["expr"] for panel in dashboard()["panels"] if panel["title"] == title]
    return {one["metric"]["version"] for one in prometheus.query(as_asked(query)) if is_number(one)}


def answered(prometheus: Prometheus) -> dict[str, float]:
    return {one["metric"]["version"]: float(one["value"][1]) for one in prometheus.query(ANSWERS)}


@contextmanager
def asking(servers: list[httpx.Client]) -> Iterator[list[str]]:
    """Send frames to each server, one after the other in a thread; the versions that answer, or what else comes."""
    answers: list[str] = []
    is_over = threading.Event()

    def ask(server: httpx.Client) -> None:
        with httpx.Client(base_url=server.base_url) as own:
            while not is_over.is_set():
                answer = own.post("/v1/detect?model=small&mask=none", content=GOOD)
                answers.append(answer.json()["model"]["version"] if answer.status_code == 200 else answer.text)

    threads = [threading.Thread(target=ask, args=(server,)) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


def as_asked(query: str) -> str:
    """A query as Grafana sends it."""
    return query.replace("$__rate_interval", "10s").replace("$instance", ".+")


def is_number(series: Series) -> bool:
    return bool(series["value"][1] != "NaN")
