"""The OpenAPI document against the server: requests that schemathesis makes from it, and their answers."""

from typing import Any

import httpx
import imagecodecs
import numpy as np
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis import openapi
from schemathesis.checks import negative_data_rejection, positive_data_acceptance

from service.api.app import create_app
from service.server.state import ServerState
from service.settings import Settings
from service.simulation.scene import make_scene
from tests.support import frames

EIGHT_BIT = [make_scene(seed, 16, 24, targets=1).counts(8).astype(np.uint8) for seed in range(3)]
DEEP = [make_scene(seed, 16, 24, targets=1).counts(14) for seed in range(3)]
FRAMES = {
    "image/png": [frames.png(counts) for counts in EIGHT_BIT + DEEP],
    "image/tiff": [frames.tiff(counts, counts) for counts in DEEP],
    "image/jpeg": [frames.jpeg(counts) for counts in EIGHT_BIT],
    "image/bmp": [frames.bmp(counts) for counts in EIGHT_BIT],
    "image/jp2": [bytes(imagecodecs.jpeg2k_encode(counts, level=0, reversible=True)) for counts in DEEP],
    "image/x-portable-graymap": [b"P5 24 16 255\n" + counts.tobytes() for counts in EIGHT_BIT],
    "image/fits": [frames.fits(counts) for counts in DEEP],
    "application/x-npy": [frames.npy(counts) for counts in EIGHT_BIT + DEEP],
}
CONFIG: dict[str, Any] = {
    "seed": 1,
    # a deadline of next to nothing is passed before any answer
    "checks": {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "504"]}},
}

for media_type, bodies in FRAMES.items():
    openapi.media_type(media_type, st.sampled_from(bodies))


def document() -> dict[str, Any]:
    state = ServerState(Settings(_env_file=None))  # type: ignore[call-arg]
    state.engine.close()
    return create_app(state).openapi()


schema = openapi.from_dict(document(), config=schemathesis.Config.from_dict(CONFIG))


@schema.hook
def map_path_parameters(_: schemathesis.HookContext, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Most names are of no model: what is behind the name would hardly ever be seen."""
    return parameters and {**parameters, "model": "rrcanet-detector", "version": "1", "name": "rrcanet"}


def is_said_by_the_document(case: schemathesis.Case) -> bool:
    """The document cannot say which parameters need others, that LO:HI rises, or what a model or a frame lacks."""
    raw_rows = {"width", "height", "dtype", "skip", "stride", "rows"}
    rates = {"sensitivity", "false_alarms_per_mpx"}
    beyond = raw_rows | rates | {"range", "fill", "byteswap", "radiometric", "radiometry"}
    if case.path == "/v1/stream":
        return False  # the handshake of a WebSocket, which no plain request is
    return case.method == "GET" or (case.media_type in FRAMES and beyond.isdisjoint(case.query))


def is_seen_by_the_server(case: schemathesis.Case) -> bool:
    """An empty list of files sends no part, so nobody can refuse it beside another that is not empty."""
    return not (isinstance(case.body, dict) and any(value == [] for value in case.body.values()))


@schema.parametrize()
@settings(max_examples=20, derandomize=True, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_documented(client: httpx.Client, case: schemathesis.Case) -> None:
    excluded = [] if is_said_by_the_document(case) else [positive_data_acceptance]
    excluded += [] if is_seen_by_the_server(case) else [negative_data_rejection]
    case.call_and_validate(base_url=str(client.base_url), excluded_checks=excluded)
