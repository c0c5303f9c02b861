"""File names of form parts, as browsers, .NET and RFC 8187 write them."""

import httpx
import pytest

from service.api.filenames import plain_filename
from tests.support import frames

FORM = "multipart/form-data; boundary=XX"
NAME = "тест.png"
PERCENT = "%D1%82%D0%B5%D1%81%D1%82.png"
WORD = "=?utf-8?B?0YLQtdGB0YIucG5n?="


def name_of(client: httpx.Client, disposition: str) -> str | None:
    head = f"--XX\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    body = head + frames.GOOD + b"\r\n--XX--\r\n"
    answer = client.post("/v1/detect?mask=none", content=body, headers={"Content-Type": FORM})
    assert answer.status_code == 200, answer.text
    name: str | None = answer.json()["frames"][0]["name"]
    return name


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        (f"form-data; name=image; filename*=UTF-8''{PERCENT}", NAME),
        (f'form-data; name="image"; filename="fallback.png"; filename*=utf-8\'ru\'{PERCENT}', NAME),
        (f'form-data; filename*=utf-8\'\'{PERCENT}; filename="fallback.png"; name="image"', NAME),
        ("form-data; name=image; filename*=iso-8859-1''caf%E9.png", "café.png"),
        (f'form-data; name=image; filename="{WORD}"', NAME),
        (f"form-data; name=image; filename={WORD}", NAME),
        ('form-data; name=image; filename="=?utf-8?Q?caf=C3=A9.png?="', "café.png"),
        ("form-data; name=image; filename*=utf-8''a%22b%5Cc.png", 'a"b\\c.png'),
        (f'form-data; name="image"; filename="{NAME}"', NAME),
    ],
)
def test_a_name_arrives_however_it_is_written(client: httpx.Client, disposition: str, name: str) -> None:
    assert name_of(client, disposition) == name


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("form-data; name=image; filename=a.png; filename*=utf-7''%2B-", "a.png"),
        ("form-data; name=image; filename=a.png; filename*=utf-8''%FF%FE", "a.png"),
        ('form-data; name=image; filename="=?utf-8?B?!!!?="', "=?utf-8?B?!!!?="),
        ('form-data; name=image; filename="=?unicode_escape?Q?a?="', "=?unicode_escape?Q?a?="),
        ('form-data; name=image; filename="a=?b.png"', "a=?b.png"),
    ],
)
def test_what_cannot_be_decoded_stays_as_it_is(client: httpx.Client, disposition: str, name: str) -> None:
    assert name_of(client, disposition) == name


def test_no_name_can_add_a_header_or_a_parameter() -> None:
    hostile = plain_filename(b"form-data; name=image; filename*=utf-8''a%0D%0AX%3A%20b%22%3B%20name%3Dfile")
    assert b"\r" not in hostile
    assert b"\n" not in hostile
    assert hostile.endswith(b'filename="aX: b\\"; name=file"')
