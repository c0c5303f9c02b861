"""The Prometheus metrics. Their names and labels are part of the public interface; label values are bounded."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, disable_created_metrics
from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from service.errors import Reason
from service.observability.cameras import Cameras
from service.observability.timing import STAGES

# from a quarter of a millisecond to half a minute, each bound twice the one before
MODEL: Final = ("model", "version")  # empty where a request has none
NO_MODEL: Final = ("", "")
SECONDS: Final = tuple(0.00025 * 2**k for k in range(18))
FRAMES: Final = tuple(2**k for k in range(8))
BACKGROUND_TASKS: Final = ("load", "watch_models", "watch_keys", "watch_device")
CONNECTIONS_ENDED: Final = ("idle", "refused", "unread", "pipelined", "slow", "silent")
SHARES: Final = tuple(k / 20 for k in range(1, 21))


class LogLinesDropped(Collector):
    """A counter whose value the writer of the log keeps, because it is older than the metrics."""

    def __init__(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped

    def collect(self) -> Iterable[Metric]:
        """The value at the moment of the scrape."""
        text = "Log lines that were not written."
        yield CounterMetricFamily("rrcanet_log_lines_dropped", text, value=self._dropped())


class Metrics:
    """All metrics of one process, in their own registry."""

    def __init__(self) -> None:
        disable_created_metrics()  # they would add a series for each label set
        registry = self.registry = CollectorRegistry()
        requests = Counter("rrcanet_requests", "Requests answered.", ["route", "status", *MODEL], registry=registry)
        request_duration = Histogram(
            "rrcanet_request_duration_seconds",
            "From the request's headers to the end of the answer.",
            ["route", *MODEL],
            buckets=SECONDS,
            registry=registry,
        )
        stage_duration = Histogram(
            "rrcanet_stage_duration_seconds",
            "Stages of a detection.",
            ["stage"],
            buckets=SECONDS,
            registry=registry,
        )
        frames = Counter("rrcanet_frames", "Frames by outcome: ok or error.", ["outcome"], registry=registry)
        started = Gauge("rrcanet_start_time_seconds", "Start of the process, seconds since 1970.", registry=registry)
        started.set_to_current_time()
        targets = Counter("rrcanet_targets", "Targets returned.", MODEL, registry=registry)
        target_confidence = Histogram(
            "rrcanet_target_confidence", "Confidence of targets returned.", MODEL, buckets=SHARES, registry=registry
        )
        self.batch_frames = Histogram("rrcanet_batch_frames", "Frames in one batch.", buckets=FRAMES, registry=registry)
        self.queue_frames = Gauge("rrcanet_queue_frames", "Frames accepted and not yet answered.", registry=registry)
        self._queue_limit = Gauge(
            "rrcanet_queue_limit_frames", "Frames that may be accepted and not yet answered.", registry=registry
        )
        self._backlog = Gauge(
            "rrcanet_backlog_seconds", "Expected time of the frames that the device has accepted.", registry=registry
        )
        self._latency_objective = Gauge(
            "rrcanet_latency_objective_seconds", "Latency objective of requests without a deadline.", registry=registry
        )
        self._body_bytes = Gauge(
            "rrcanet_body_bytes", "Bytes of the bodies of requests that are not answered yet.", registry=registry
        )
        self._body_limit = Gauge("rrcanet_body_limit_bytes", "Bytes that bodies may have together.", registry=registry)
        self.rejected = Counter(
            "rrcanet_rejected", "Requests refused, by the reason in the answer.", ["reason"], registry=registry
        )
        self.model_info = Gauge(
            "rrcanet_model_info",
            "Served models; the value is always 1.",
            ["name", "version", "sha256", "provider", "engine", "precision"],
            registry=registry,
        )
        self.ready = Gauge("rrcanet_ready", "1 while this process takes requests.", registry=registry)
        self.background_failures = Counter(
            "rrcanet_background_failures", "Failures of background tasks.", ["task"], registry=registry
        )
        self._connections = Gauge("rrcanet_connections", "Open connections.", registry=registry)
        self._connections_limit = Gauge("rrcanet_connections_limit", "Connections that may be open.", registry=registry)
        self._unread_bytes = Gauge(
            "rrcanet_unread_answer_bytes", "Bytes of answers that clients have not read.", registry=registry
        )
        self.connections_ended = Counter(
            "rrcanet_connections_ended", "Connections that the server ended.", ["reason"], registry=registry
        )
        self._streams = Gauge("rrcanet_streams", "Open streams.", registry=registry)
        self._streams_limit = Gauge("rrcanet_streams_limit", "Streams that may be open.", registry=registry)
        self.stream_dropped = Counter(
            "rrcanet_stream_dropped_frames",
            "Frames of streams that were passed over, because newer ones came before their turn.",
            registry=registry,
        )
        self._busy_threads = Gauge("rrcanet_busy_threads", "Threads with a request.", registry=registry)
        self._stuck_threads = Gauge(
            "rrcanet_stuck_threads", "Threads with a request whose deadline has passed.", registry=registry
        )
        self.cameras = Cameras(registry)
        # labels are looked up once: the look-up costs more than the counting
        self.requests_of = cache(lambda route, status, model: requests.labels(route, str(status), *model))
        self.duration_of = cache(lambda route, model: request_duration.labels(route, *model))
        self.targets_of = cache(lambda model: targets.labels(*model))
        self.confidence_of = cache(lambda model: target_confidence.labels(*model))
        # created now, since alerts fail on a series that is absent until the first request
        self.stages = {stage: stage_duration.labels(stage) for stage in STAGES}
        self.frames_ok, self.frames_error = (frames.labels(outcome) for outcome in ("ok", "error"))
        for reason in Reason:
            self.rejected.labels(reason.value)
        for ended in CONNECTIONS_ENDED:
            self.connections_ended.labels(ended)
        for task in BACKGROUND_TASKS:
            self.background_failures.labels(task)

    def show_models(self, served: Iterable[tuple[str, str, str, str, str, str]]) -> None:
        """Show these models: name, version, SHA-256 of the file, provider, engine, precision.

        What others found is kept.
        """
        self.model_info.clear()
        for model in served:
            self.model_info.labels(*model).set(1)
            self.targets_of(model[:2])
            self.confidence_of(model[:2])

    def watch(self, queue_frames: Callable[[], float], queue_limit: int, ready: Callable[[], bool]) -> None:
        """Set the functions that give the frames in the queue and the readiness at every scrape."""
        self.queue_frames.set_function(queue_frames)
        self._queue_limit.set(queue_limit)
        self.ready.set_function(lambda: float(ready()))

    def watch_backlog(self, seconds: Callable[[], float], objective_s: float) -> None:
        """Set the function that gives the backlog of the device at every scrape."""
        self._backlog.set_function(seconds)
        self._latency_objective.set(objective_s)

    def watch_bodies(self, body_bytes: Callable[[], float], limit: int) -> None:
        """Set the function that gives the bytes of the bodies of all requests."""
        self._body_bytes.set_function(body_bytes)
        self._body_limit.set(limit)

    def watch_connections(
        self, connections: Callable[[], float], limit: int, unread_bytes: Callable[[], float]
    ) -> None:
        """Set the functions that give the open connections and the bytes of unread answers."""
        self._connections.set_function(connections)
        self._connections_limit.set(limit)
        self._unread_bytes.set_function(unread_bytes)

    def watch_streams(self, streams: Callable[[], float], limit: int) -> None:
        """Set the function that gives the open streams."""
        self._streams.set_function(streams)
        self._streams_limit.set(limit)

    def watch_threads(self, busy: Callable[[], float], stuck: Callable[[], float]) -> None:
        """Set the functions that give the threads with a request, and those of them that are stuck."""
        self._busy_threads.set_function(busy)
        self._stuck_threads.set_function(stuck)

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)
