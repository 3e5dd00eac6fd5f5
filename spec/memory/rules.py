"""The rules of hardware and firmware that the theorems about memory rest on, each to be switched off.

Nothing here says what a rule is: that stands in the rules of the machine. Where a rule is switched off, the answer to
the question that the memory layer asks is overruled (`spec/memory/asking.py`), and nothing else changes. A relaxation
(X-…) is such a rule by the name of the attack that shows what happens without it.
"""

from dataclasses import dataclass

from spec.record import record


@record
class Rules:
    """What the hardware and the firmware of this machine keep to."""

    registers_encrypted: bool = True
    registers_checked: bool = True
    host_writes_checked: bool = True
    owner_checked: bool = True
    validated_checked: bool = True
    sizes_checked: bool = True
    levels_checked: bool = True
    translations_tracked: bool = True
    policy_enforced: bool = True
    devices_checked: bool = True
    lines_kept: bool = True
    lines_coherent: bool = True
    decode_injective: bool = True
    tweak_secret: bool = True
    asids_exclusive: bool = True
    bus_closed: bool = True
    ciphertexts_unlike: bool = True


KEPT = Rules()


@dataclass(frozen=True)
class Rule:
    """The documentation of one rule: its name, its field, its words."""

    name: str
    others: tuple[str, ...]
    """Other names: the rule of which it is a part, and the relaxation that drops it."""
    field: str
    words: str


RULES = (
    Rule("R1", (), "registers_encrypted", "saved registers of an SEV-ES or SNP guest are encrypted"),
    Rule(
        "R2", (), "registers_checked", "VMRUN loads only the registers that were saved, and of SNP only the guest's own"
    ),
    Rule("R4", (), "host_writes_checked", "host, legacy guests and other ASIDs cannot write an assigned page"),
    Rule("R5", (), "owner_checked", "a private access needs the ASID and the guest address of the RMP entry"),
    Rule("R6", (), "validated_checked", "a private access needs a validated page"),
    Rule("R7", (), "sizes_checked", "a private access needs a mapping as large as the RMP entry"),
    Rule("R9", (), "levels_checked", "a private access needs the permissions of its VMPL"),
    Rule(
        "R13",
        (),
        "translations_tracked",
        "a cached translation serves the virtual processor that cached it, until RMPUPDATE or PSMASH of its page",
    ),
    Rule("R17", (), "policy_enforced", "firmware debugs no guest whose policy forbids it"),
    Rule("R19", ("X-iolog",), "devices_checked", "devices and the IOMMU write no assigned page"),
    Rule("R20-DROP", ("R20", "X-drop"), "lines_kept", "no modified cache line is dropped"),
    Rule(
        "R20-STALE",
        ("R20", "X-stale"),
        "lines_coherent",
        "no line of a page's shared life overwrites its private one",
    ),
    Rule("R21", ("X-alias",), "decode_injective", "no two system addresses are one place in memory"),
    Rule("R22", (), "tweak_secret", "the tweak of an address is secret: ciphertext that is moved decrypts to garbage"),
    Rule("R25", (), "asids_exclusive", "an ASID has one guest, and its key serves guests of that kind only"),
    Rule("X-PHYS", ("X-phys",), "bus_closed", "nobody writes memory but through a processor, a device or firmware"),
    Rule("R23", ("X-cteq",), "ciphertexts_unlike", "whoever has no key cannot tell equal ciphertexts from others"),
)
"""What each switch is."""
