"""Host networks: networks of other papers, each in its plain version and with RuCB or DIAAM plugged in.

``HOSTS`` maps a name to a function: number of input channels -> network.
"""

from collections.abc import Callable
from functools import partial

from model.network.hosts.acm import ACM, ACMRuCB
from model.network.hosts.amfunet import AMFUNet, AMFUNetRuCB
from model.network.hosts.dnanet import DNANet, DNANetRuCB
from model.network.hosts.host import Host
from model.network.hosts.resunet import ResUNet, ResUNetRuCB, ResUNetRuCBDIAAM
from model.network.hosts.uiunet import UIUNet

HOSTS: dict[str, Callable[[int], Host]] = {
    "resunet": ResUNet,
    "resunet-rucb": ResUNetRuCB,
    "resunet-rucb-diaam": ResUNetRuCBDIAAM,
    "amfunet": AMFUNet,
    "amfunet-rucb": AMFUNetRuCB,
    "dnanet": DNANet,
    "dnanet-rucb": DNANetRuCB,
    "acm": ACM,
    "acm-rucb": ACMRuCB,
    "uiunet": UIUNet,
    "uiunet-rucb": partial(UIUNet, passes=3),
}

__all__ = ["HOSTS", "Host"]
