"""Every step that the words of an attack can say about its pages, in no order: what the adversary and the guest may do.

The search knows the words and the names, not the script. The hypervisor's words take any page and any guest address;
the guest's take the operands that its own software would.
"""

from collections.abc import Iterator
from itertools import product

from sevspec.attacks.entry import Attack
from sevspec.attacks.setting import GHOST, HYPERVISOR, NOTHING
from sevspec.attacks.trace import Step

KEPT = "c_"
"""What was read in a page is kept under the page's name."""


def steps_of(attack: Attack) -> list[Step]:
    """All of them; equal ones once."""
    return list(dict.fromkeys(step for word in attack.trace for step in said(attack, word)))


def said(attack: Attack, word: Step) -> Iterator[Step]:
    """What one word can say."""
    pages, frames = page_names(attack), frame_names(attack)
    unmapped = [NOTHING] if any(NOTHING in step.operands for step in attack.trace) else []
    choices: dict[str, Iterator[tuple[str, ...]]] = {
        "ct_read": product(pages),
        "raw_write": product(pages, written(attack, pages)),
        "npt": product(frames, (*pages, *unmapped)),
        "rmpupdate": product(pages, (*frames, HYPERVISOR)),
        "dma": product(pages, ("x",)),
        **{name: product(pages) for name in ("write_back", "drop", "evict")},
    }
    rest = tuple(operand for operand in word.operands[2:]) if word.action == "npt" else ()
    if word.action not in choices or word.operands[:1] == ("VMSA",):
        yield from guests_own(attack, word)
        return
    for operands in choices[word.action]:
        result = f"{KEPT}{operands[0]}" if word.action == "ct_read" else ""
        yield Step(word.actor, word.action, (*operands, *rest), result)


def guests_own(attack: Attack, word: Step) -> Iterator[Step]:
    """The operands at each place of the word, in any combination."""
    alike = [s.operands for s in attack.trace if (s.actor, s.action) == (word.actor, word.action)]
    alike = [operands for operands in alike if len(operands) == len(word.operands)]
    for operands in product(*(tuple(dict.fromkeys(column)) for column in zip(*alike, strict=True))):
        yield Step(word.actor, word.action, operands, word.result)


def written(attack: Attack, pages: list[str]) -> list[str]:
    """What the hypervisor writes: what it has read anywhere, with a bit changed if it does that, or its own values."""
    values = [s.operands[1] for s in attack.trace if s.action == "raw_write" and s.operands[1].isalpha()]
    kept = {s.result for s in attack.trace}
    own = [value for value in values if value not in kept]
    read = [f"{KEPT}{page}" for page in pages] if kept - {""} else []
    flips = any(s.operands[1].endswith("^1") for s in attack.trace if s.action == "raw_write")
    return list(dict.fromkeys([*read, *([f"{name}^1" for name in read] if flips else []), *own]))


def page_names(attack: Attack) -> list[str]:
    """The guest's pages, and those of the hypervisor's that the trace names."""
    pages = attack.pages
    own = [name.upper() for name in (*pages.private, *pages.shared, *pages.monitor)]
    skipped = ("VMSA", *own)
    words = [operand for step in attack.trace if step.actor in ("hv", "device") for operand in step.operands]
    others = [word for word in words if word.isupper() and word not in skipped]
    return list(dict.fromkeys([*own, *others, *([GHOST] if attack.ghost else [])]))


def frame_names(attack: Attack) -> list[str]:
    """The guest's addresses."""
    pages = attack.pages
    return [*pages.private, *pages.shared, *pages.free, *pages.monitor]
