"""The launch digest of SEV and SEV-ES guests (SEV API 55766, "LAUNCH_UPDATE_DATA", "LAUNCH_MEASURE").

It is one hash over all that was launched, in order. SNP's (`spec/firmware/launch_digest.py`) chains a record of each
page instead, with its address, type and permissions. There are no page states here: the commands take any memory of
the host, and encrypt it in place.
"""

from typing import Annotated

from spec.ideal import sha256
from spec.vocabulary import Bits

LEGACY_DIGEST_BYTES = 32


def legacy_digest(content: int, length: int) -> Annotated[int, Bits(256)]:
    """LD after LAUNCH_MEASURE. `content` is what LAUNCH_UPDATE_DATA and LAUNCH_UPDATE_VMSA took, one after the other:
    `length` bytes, as a little-endian number.

    No address is an operand, nor which command brought which bytes, nor how many commands there were. So a host that
    launches the same blocks in the same order, and shows them to the guest at other addresses, has launched another
    guest with the same digest.
    """
    return sha256(content, length)
