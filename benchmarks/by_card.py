"""Figures of another card are kept: each card has a file of its own."""

import json
import re
from pathlib import Path


def file_of(file: Path, card: str) -> Path:
    """``file``; where that holds another card's figures, the one beside it that is named by this card.

    Args:
        file: JSON whose ``on`` begins with the card that its figures are of.
    """
    if not file.exists() or json.loads(file.read_text()).get("on", "").startswith(f"{card}, "):
        return file
    return file.with_stem(f"{file.stem}-{re.sub('[^a-z0-9]+', '-', card.lower()).strip('-')}")
