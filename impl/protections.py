"""What protects guests on a machine, one field for each rule that can be left out to see what it is for.

The rules have names of their own (`sevspec explain R5`); a machine without one of them is no processor that exists.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Protections:
    """Every rule is kept by default."""

    registers_encrypted: bool = True
    """R1: #VMEXIT of an SEV-ES or SNP guest leaves no register in the VMCB."""
    registers_authentic: bool = True
    """R2: VMRUN loads registers only from where and as they were saved."""
    host_writes_checked: bool = True
    """R4: the host, other guests and devices do not write assigned pages."""
    owner_and_address_checked: bool = True
    """R5: Guest-Owned and Reverse-Map."""
    validation_checked: bool = True
    """R6: Validated."""
    page_size_checked: bool = True
    """R7: Page-Size."""
    vmpl_checked: bool = True
    """R9: the masks of VMPLs."""
    translations_tracked: bool = True
    """R13: cached translations end where an SNP guest's virtual processor, ASID or VMPL changes, and with RMPUPDATE."""
    rmp_protects_itself: bool = True
    """R14: while SNP_INIT builds the RMP, and after, nobody else writes it."""
    addresses_measured: bool = True
    """R15: the launch digest binds the address of a page, and the launch has the hashes of what is loaded later."""
    policy_enforced: bool = True
    """R17: firmware commands ask the guest's policy."""
    device_writes_checked: bool = True
    """R19: writes of the IOMMU itself are checked like those of devices behind it."""
    caches_coherent: bool = True
    """R20: lines of one page that differ in key do not survive each other, and INVD writes back."""
    asid_exclusive: bool = True
    """R25: ACTIVATE wants an ASID without pages, holders and unflushed lines."""


ALL_KEPT = Protections()
