"""The text above the routes in ``/docs``: a first request, and the table of all errors."""

from typing import Final

from service.errors import Reason

TEXT: Final = """Send frames, get the positions of small targets. The [page at `/`](.) does so without a program.

```sh
curl -H 'Content-Type: image/png' --data-binary @frame.png 'http://127.0.0.1:8000/v1/detect?mask=none'
```

An error is a problem (RFC 9457): `reason` is for programs, `detail` is for people. Each route lists its reasons.

<details><summary>All errors</summary>

{errors}

Under `/v2` an error is `{{"error": "…"}}` with the same status.

</details>
"""


def introduction() -> str:
    """The text, in Markdown."""
    rows = [f"| {reason.status.value} | `{reason}` | {reason.when} |" for reason in sorted(Reason, key=_status)]
    return TEXT.format(errors="\n".join(["| status | reason | when |", "| --- | --- | --- |", *rows]))


def _status(reason: Reason) -> int:
    return reason.status.value
