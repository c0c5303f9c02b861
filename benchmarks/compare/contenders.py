"""The contenders: each is a network and the loss that trains it, under a name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn
from torch.nn import functional as F

from model.network.ablations import ABLATIONS
from model.network.hosts import HOSTS
from model.training.losses import Loss, dice_loss, dptk_loss, poly_topk_loss

PLAIN_HOSTS: Final = ("resunet", "amfunet", "dnanet", "acm", "uiunet")


class UnknownContenderError(ValueError):
    """An unknown name; the message lists the known ones."""


@dataclass(frozen=True, slots=True)
class Contender:
    """``build`` makes the network for a number of input channels."""

    name: str
    build: Callable[[int], nn.Module]
    loss: Loss = dptk_loss


def soft_iou_loss(logits: Tensor, targets: Tensor, smooth: float = 1.0) -> Tensor:
    """1 - IoU of the probabilities, over the whole batch: nearly the loss of the hosts' own authors."""
    probabilities = logits.sigmoid()
    overlap = (probabilities * targets).sum()
    return 1 - (overlap + smooth) / (probabilities.sum() + targets.sum() - overlap + smooth)


def _group(*contenders: Contender) -> dict[str, Contender]:
    return {contender.name: contender for contender in contenders}


GROUPS: Final[dict[str, dict[str, Contender]]] = {
    "hosts": _group(*(Contender(name, build) for name, build in HOSTS.items())),
    "ablations": _group(
        *(Contender(name, build) for name, build in ABLATIONS.items()),
        Contender("dice-alone", ABLATIONS["rrcanet"], dice_loss),
        Contender("poly-topk-alone", ABLATIONS["rrcanet"], poly_topk_loss),
        Contender("cross-entropy", ABLATIONS["rrcanet"], F.binary_cross_entropy_with_logits),
    ),
    "soft-iou": _group(
        Contender("rrcanet-soft-iou", ABLATIONS["rrcanet"], soft_iou_loss),
        *(Contender(f"{name}-soft-iou", HOSTS[name], soft_iou_loss) for name in PLAIN_HOSTS),
    ),
}


def choose(groups: Sequence[str], only: Sequence[str]) -> list[Contender]:
    """The members of these groups, or only those that ``only`` names, if it names any.

    Raises:
        UnknownContenderError: a name of ``only`` is in none of the groups.
    """
    members = {name: contender for group in groups for name, contender in GROUPS[group].items()}
    unknown = [name for name in only if name not in members]
    if unknown:
        raise UnknownContenderError(f"{', '.join(groups)} has no {', '.join(unknown)}; it has {', '.join(members)}")
    return [contender for name, contender in members.items() if not only or name in only]
