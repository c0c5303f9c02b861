"""File names of form parts that are not plain ASCII: ``filename*`` of RFC 8187, and encoded words of RFC 2047.

Browsers and curl send UTF-8 in ``filename``, which needs none of this. ``HttpClient`` of .NET sends an encoded word and
``filename*``. The form parser knows neither.
"""

import re
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Final
from urllib.parse import unquote_to_bytes

EXTENDED: Final = re.compile(rb";\s*filename\*\s*=\s*\"?([\w-]+)'[\w-]*'([^\";\s]*)\"?", re.IGNORECASE)
PLAIN: Final = re.compile(rb";\s*filename\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;\s]*)", re.IGNORECASE)
ENCODED_WORD: Final = re.compile(rb"\"?(=\?[\w-]+\?[bq]\?[^?\s]*\?=)\"?", re.IGNORECASE)
CHARSETS: Final = ("utf-8", "iso-8859-1")  # of RFC 8187; other names would let a client choose any codec of Python


def plain_filename(disposition: bytes) -> bytes:
    """The header ``Content-Disposition`` of a part with the file name as UTF-8 in ``filename``.

    ``filename*`` counts more than ``filename`` (RFC 6266, section 4.3). A name that cannot be decoded stays as it is.
    """
    if b"filename*" not in disposition.lower() and b"=?" not in disposition:
        return disposition
    name = _extended(disposition) or _encoded_word(disposition)
    if name is None:
        return disposition
    quoted = name.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
    return PLAIN.sub(b"", EXTENDED.sub(b"", disposition)) + b'; filename="' + quoted.encode() + b'"'


def _extended(disposition: bytes) -> str | None:
    found = EXTENDED.search(disposition)
    if found is None:
        return None
    charset = found[1].decode().lower()
    try:
        return unquote_to_bytes(found[2]).decode(charset) if charset in CHARSETS else None
    except UnicodeDecodeError:
        return None


def _encoded_word(disposition: bytes) -> str | None:
    plain = PLAIN.search(disposition)
    word = ENCODED_WORD.fullmatch(plain[1]) if plain else None
    if word is None or word[1][2:].split(b"?")[0].decode().lower() not in CHARSETS:
        return None
    try:
        return str(make_header(decode_header(word[1].decode("ascii")))) or None
    except (HeaderParseError, UnicodeError, ValueError):
        return None
