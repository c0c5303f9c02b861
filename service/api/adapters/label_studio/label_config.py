"""Which tags of a labelling interface take targets.

https://labelstud.io/tags/rectanglelabels.html, https://labelstud.io/tags/brushlabels.html
"""

import re
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from service.errors import Reason, ServiceError

RECTANGLES, BRUSH = "RectangleLabels", "BrushLabels"
DECLARATION: Final = re.compile(r"<!\s*(doctype|entity)", re.IGNORECASE)
MOST_LETTERS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Control:
    """A tag that draws on an image.

    Attributes:
        kind: ``RectangleLabels`` or ``BrushLabels``.
        name, to_name: of the tag, and of the image it draws on.
        field: of a task's data, with the address of the image.
        labels: that the tag offers, in order.
    """

    kind: str
    name: str
    to_name: str
    field: str
    labels: tuple[str, ...]

    def label(self, asked: str) -> str:
        """The label of targets: the one that the settings name, or else the first of the tag."""
        return asked if asked in self.labels else self.labels[0]


def parse_label_config(text: str) -> list[Control]:
    """The tags for rectangles and brushes, in the order of the interface.

    Raises:
        ServiceError: ``bad_parameter``; the text is no XML, or no tag of it takes targets.
    """
    root = _root(text)
    images = {tag.get("name"): tag.get("value", "").removeprefix("$") for tag in root.iter("Image")}
    tags = [tag for tag in root.iter() if tag.tag in (RECTANGLES, BRUSH)]
    controls = [_control(tag, images[tag.get("toName")]) for tag in tags if tag.get("toName") in images]
    usable = [control for control in controls if control.labels and control.field]
    if not usable:
        detail = "label_config has no <RectangleLabels> or <BrushLabels> with a <Label> for an <Image>"
        raise ServiceError(Reason.BAD_PARAMETER, detail)
    return usable


def _root(text: str) -> ElementTree.Element:
    if DECLARATION.search(text) or len(text) > MOST_LETTERS:  # entities could expand to gigabytes
        raise ServiceError(Reason.BAD_PARAMETER, "label_config is too long, or declares entities")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ServiceError(Reason.BAD_PARAMETER, f"label_config is no XML: {error}") from error


def _control(tag: ElementTree.Element, field: str) -> Control:
    labels = [label.get("value", "") for label in tag.iter("Label")]
    return Control(str(tag.tag), tag.get("name", ""), tag.get("toName", ""), field, tuple(filter(None, labels)))
