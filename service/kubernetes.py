"""What Kubernetes puts into the environment of every pod for each Service of its namespace.

A Service called ``rrcanet``, or ``rrcanet-gpu``, gives variables with this service's own prefix: RRCANET_PORT is then
an address, ``tcp://10.0.0.1:8000``, and RRCANET_SERVICE_HOST is no setting.
"""

import re
from typing import Final

LINK: Final = re.compile(r"(tcp|udp|sctp)://\S+")
LINK_NAME: Final = re.compile(r"(\w+_)?PORT")
OTHER_NAME: Final = re.compile(
    r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)


def is_injected(name: str, value: str) -> bool:
    """Whether a variable is Kubernetes' and not an operator's.

    Args:
        name: without the prefix that it shares with settings.
    """
    if OTHER_NAME.fullmatch(name):
        return True
    # an operator's RRCANET_PORT, or a misspelt one, is a number
    return LINK_NAME.fullmatch(name) is not None and LINK.fullmatch(value) is not None
