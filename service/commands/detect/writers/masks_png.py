"""``--format png``: a mask for each frame."""

from pathlib import Path

from service.commands.detect.files import InputFiles
from service.commands.detect.whole_file import partial_of, write_whole
from service.commands.detect.writers.result import Result, Writer
from service.detection.description import encode_png


class PngWriter(Writer):
    """Writes one PNG for each frame, with values 0 and 255, under the name of the frame."""

    def __init__(self, folder: Path, inputs: InputFiles) -> None:
        self._folder, self._inputs = folder, inputs
        self._written: set[str] = set()

    def add(self, result: Result) -> None:
        """Write the mask.

        Raises:
            ValueError: another frame of this run has the same name, or the mask would overwrite an input.
        """
        if result.stem in self._written:
            raise ValueError(f"two frames would be written as {result.stem}.png")
        path = self._folder / f"{result.stem}.png"
        self._inputs.refuse_overwriting([path, partial_of(path)])
        self._written.add(result.stem)
        write_whole(path, encode_png(result.detection.found.mask))
