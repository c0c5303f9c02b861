"""The files that describe the containers, and what is read out of them."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = ROOT / "Dockerfile"
COMPOSE: Final = ROOT / "docker-compose.yml"
PROMETHEUS: Final = ROOT / "deploy" / "prometheus" / "prometheus.yml"


def settings_in(file: Path) -> dict[str, str]:
    """Every ``RRCANET_NAME=value`` or ``RRCANET_NAME: value``, the last of each name."""
    return dict(re.findall(r"\b(RRCANET_\w+)(?:=|: )(\S+)", file.read_text()))
