"""What browsers may do with an answer: nothing, except where a page has a policy of its own."""

from typing import Final

Headers = list[tuple[bytes, bytes]]

POLICY: Final = b"content-security-policy"
NO_SNIFFING: Final = (b"x-content-type-options", b"nosniff")
NOTHING: Final = (POLICY, b"default-src 'none'; frame-ancestors 'none'")


def restrict(headers: Headers) -> None:
    """Add the headers that keep a browser from taking an answer for a page, a script or a part of another page."""
    headers.append(NO_SNIFFING)
    if not any(name == POLICY for name, _ in headers):
        headers.append(NOTHING)
