"""Fault words: what the bits of a host #PF error code and of EXITINFO1 say."""

from enum import IntFlag

from sevspec.topic import Topic
from spec.vocabulary import NpfInfo, PfError

MEANINGS = {
    "P": "the translation was present",
    "W": "a write",
    "U": "user access",
    "RSV": "a reserved bit was set",
    "ID": "an instruction fetch",
    "SS": "a shadow-stack access",
    "RMP": "the RMP refused it",
    "FINAL_GPA": "at the final guest-physical address",
    "WALK": "during the walk of the guest's page tables",
    "ENC": "the access was private (C=1)",
    "SIZEM": "PVALIDATE or RMPADJUST of 4 KiB inside something larger",
    "VMPL": "the VMPL's permission mask refused it",
    "SSS": "the mask has Supervisor-Shadow-Stack",
    "NOT_RESTARTABLE": "the access cannot be restarted (Secure AVIC backing page)",
}


def set_bits(word: int, kind: type[IntFlag]) -> list[str]:
    """The names of the bits that are set, lowest first."""
    return [flag.name or "" for flag in kind if word & flag]


def unknown_bits(word: int, kind: type[IntFlag]) -> int:
    """The bits that have no name."""
    for flag in kind:
        word &= ~flag
    return word


def explained(word: int, kind: type[IntFlag]) -> Topic:
    """One word."""
    title = "nested page fault, EXITINFO1" if kind is NpfInfo else "host #PF, error code"
    topic = Topic(title, f"{word:#x}", summary(word, kind))
    for name in set_bits(word, kind):
        if not (kind is NpfInfo and name == "U"):  # every nested access counts as a user's
            topic.fact(name, MEANINGS[name])
    if rest := unknown_bits(word, kind):
        topic.fact("other bits", f"{rest:#x}")
    return topic


def summary(word: int, kind: type[IntFlag]) -> str:
    """What happened, in a sentence."""
    access = "fetch" if word & NpfInfo.ID else "write" if word & NpfInfo.W else "read"
    if not word & PfError.RMP:
        return f"An ordinary fault of a {access}; the RMP had no say."
    if kind is PfError:
        return f"The host's {access} was refused: the page, or one under its 2 MiB mapping, is assigned or in use."
    if word & NpfInfo.VMPL:
        return f"A guest's {access} was refused by its VMPL's mask; the hypervisor is told, not VMPL0."
    if word & NpfInfo.SIZEM:
        return "A 4 KiB PVALIDATE or RMPADJUST met a 2 MiB page: the hypervisor splits it (PSMASH) and resumes."
    if word & NpfInfo.ENC:
        return (
            f"A guest's private {access} was refused: the page is not mutable, its own, at this address and of the"
            " mapping's size; or it is in use."
        )
    return f"A guest's shared {access} was refused: the page, or one under its 2 MiB mapping, is assigned or in use."
