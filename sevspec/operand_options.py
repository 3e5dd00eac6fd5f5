"""`--vmpl 1 --perms rw`: operands of a step as options of their own names, beside `--op cpu.vmpl=1`.

An operand goes by the last part of its name where that is unique, else by all of it, with hyphens: `--target-vmpl`,
`--source-spa`. Three have the names that the manual's readers use: `--gpa`, `--perms`, `--size`.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from proofs.templates import nothing
from sevspec.assignments import assigned
from sevspec.documented import operands
from sevspec.refused import Refused
from spec.record import replace
from spec.registry import operands_of, transition_info
from spec.vocabulary import PAGE_SHIFT, Actor, Permission

GUEST = 1
"""The ASID of the guest that runs a guest's instruction, where no other is named."""
LETTERS = {
    "r": Permission.READ,
    "w": Permission.WRITE,
    "u": Permission.EXECUTE_USER,
    "s": Permission.EXECUTE_SUPERVISOR,
    "S": Permission.SUPERVISOR_SHADOW_STACK,
}


def frame_of(text: str, option: str) -> str:
    """The frame number of a guest-physical address."""
    try:
        address = int(text, 0)
    except ValueError:
        raise Refused(f"{option}: '{text}' is not a number") from None
    if address & ((1 << PAGE_SHIFT) - 1):
        raise Refused(f"{option}: {text} is not the address of a page")
    return hex(address >> PAGE_SHIFT)


def mask_of(text: str, option: str) -> str:
    """A permission mask from its letters, as masks are printed; a number stays one."""
    if text[:1].isdigit():
        return text
    mask = Permission.NONE
    for letter in "" if text == "none" else text.replace("-", ""):
        if letter not in LETTERS:
            choice = "combine r, w, u (execute, user), s (execute, supervisor), S (shadow stack), or say none"
            raise Refused(f"{option}: '{letter}' is not a permission; {choice}")
        mask |= LETTERS[letter]
    return hex(mask)


def as_given(text: str, _option: str) -> str:
    """No conversion."""
    return text


Reading = Callable[[str, str], str]
"""From the text of a value and its option: the text that the field itself takes."""

READERS: dict[str, tuple[str, Reading]] = {
    "gfn": ("gpa", frame_of),
    "mask": ("perms", mask_of),
    "page_size": ("size", as_given),
}
"""Fields that have a second name, and how a value under that name is read."""


def spelled(path: str) -> str:
    """An operand's name as an option."""
    return "--" + path.replace(".", "-").replace("_", "-")


def options_of(call: Callable[..., Any]) -> dict[str, tuple[str, Reading]]:
    """The options of a step's operands: the operand's path, and how its value is read."""
    paths = [operand.name for operand in operands(operands_of(call))]
    last = {path: path.rpartition(".")[2] for path in paths}
    times = Counter(last.values())
    found: dict[str, tuple[str, Reading]] = {}
    for path, name in last.items():
        for option in {path, name if times[name] == 1 else path}:
            found[spelled(option)] = (path, as_given)
            if name in READERS:
                second, reader = READERS[name]
                found[spelled(option.removesuffix(name) + second)] = (path, reader)
    return found


def pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """`--name value` and `--name=value`, in order."""
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        if not option.startswith("--"):
            raise Refused(f"'{word}' belongs to no option")
        given = value if equals else next(rest, None)
        if given is None:
            raise Refused(f"{option}: a value is missing")
        yield option, given


def unset(call: Callable[..., Any]) -> Any:
    """Operands of which nothing is said: all 0, but that a guest's instruction is run by an SNP guest."""
    op = nothing(operands_of(call))
    if transition_info(call).actor is Actor.GUEST and hasattr(op, "cpu"):
        return replace(op, cpu=replace(op.cpu, asid=GUEST, snp_active=True))
    return op


def with_options(op: Any, call: Callable[..., Any], words: Sequence[str]) -> Any:
    """The operands with those set that the words name."""
    known = options_of(call)
    for option, text in pairs(words):
        if option not in known:
            close = get_close_matches(option, known, n=2) or sorted(known)
            raise Refused(f"{option}: no operand of {transition_info(call).name}; there is {', '.join(close)}")
        path, read = known[option]
        op = assigned(op, f"{path}={read(text, option)}", option)
    return op
