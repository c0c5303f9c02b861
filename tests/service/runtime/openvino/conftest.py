"""No network for a usual shape is compiled but where a test is about it: it would take seconds."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="package")
def _nothing_ahead() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("service.runtime.openvino.runs.USUAL", ())
        yield
