"""BentoML, as "Define input and output types" of its documentation has files: one worker, no batches.

bentoml serve benchmarks.peers.programs.bento:Detect
"""

from pathlib import Path
from typing import Annotated

import bentoml
from bentoml.validators import ContentType

from benchmarks.peers.programs.work import Work


@bentoml.service(workers=1)
class Detect:
    """One frame a request."""

    def __init__(self) -> None:
        self.work = Work()

    @bentoml.api
    def detect(self, image: Path, width: int = 0, height: int = 0) -> Annotated[str, ContentType("application/json")]:
        """Do the work."""
        return self.work(image.read_bytes(), width, height).decode()
