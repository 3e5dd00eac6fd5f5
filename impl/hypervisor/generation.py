"""The generations of SEV that a guest can run under."""

from enum import Enum, unique


@unique
class Generation(Enum):
    """The values are the names of the command line."""

    SEV = "SEV"
    """Memory is encrypted; the registers are the hypervisor's to read and write."""
    SEV_ES = "SEV-ES"
    """The registers are encrypted, too; #VC and the GHCB take their place."""
    SNP = "SNP"
    """And memory has an owner: the RMP."""
