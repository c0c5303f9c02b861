"""Pictures as SVG: the same picture has the same bytes."""

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def save(figure: Figure, file: Path) -> None:
    """Write the picture and close it."""
    with mpl.rc_context({"svg.hashsalt": file.stem}):
        figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
