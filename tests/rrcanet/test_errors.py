"""The errors of the package against those of the service, and against the page that lists them."""

import inspect

import pytest

from rrcanet import errors
from rrcanet.errors import Refusal, RrcanetError, ServerFault, refusal
from service.errors import Reason
from tests.support.markdown import names_in, read_document, read_table

OWN = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_of_the_service_has_a_class(reason: Reason) -> None:
    error = refusal(reason.value, reason.status.value, "a detail", "id", 2.0)
    assert (type(error) is ServerFault) == (reason is Reason.INTERNAL)
    assert (error.reason, error.status, error.detail) == (reason.value, reason.status.value, "a detail")
    assert (error.request_id, error.retry_after_s) == ("id", 2.0)
    assert str(error) == f"{reason.status.value}: a detail"


def test_one_class_catches_all() -> None:
    assert all(issubclass(kind, RrcanetError) for kind in OWN)
    assert len(OWN) > 10


def test_the_page_lists_every_error() -> None:
    rows = read_table(read_document("how-to/python.md"), "error", "when")
    listed = {name for row in rows for name in names_in(row["error"])}
    assert listed == {kind.__name__ for kind in OWN} - {RrcanetError.__name__, Refusal.__name__}
