"""Traces as text: one step a line, `actor: result = action(operand, operand)  # what it is for`.

Two interpreters read the same lines: one drives the specification, the other the machine.
"""

import re
from dataclasses import dataclass

ACTORS = {
    "hv": "hypervisor",
    "guest": "guest",
    "other": "another guest",
    "user": "process of the guest",
    "monitor": "monitor at VMPL0",
    "device": "device",
    "fw": "firmware",
    "verifier": "verifier",
}

ACTIONS = {
    # memory, by the guest
    "wr": "write a value to a page",
    "rd": "read a page",
    "fetch": "execute a page; va:g is one virtual address that this process maps to g",
    "copy": "read one page and write it to another",
    "boot": "copy what was handed over into private memory, comparing its hash if the launch has one",
    "ret": "return through the stack",
    # registers
    "load": "put a value into a register",
    "force_exit": "stop the guest: its registers are saved",
    "vmrun": "let the guest, or its other virtual processor, go on",
    "inject": "put an event into the VMCB: its vector, and whether it is an interrupt or an exception",
    "handle": "the guest's handler of whatever event was delivered",
    "vmcb_get": "read saved registers where the VMCB has them",
    "vmcb_set": "change saved registers where VMRUN will look for them",
    "shift_stack": "move the stack pointer of the running guest",
    "attacker_asid": "run another virtual machine under the guest's ASID",
    "attacker_walk": "let that machine's page walk go through a page; the address in it faults",
    # memory, by the hypervisor
    "ct_read": "read memory without a key",
    "raw_write": "write memory without a key: what was read, or a value",
    "compare": "compare ciphertexts that were read at one place",
    "npt": "lead a guest address elsewhere in the nested tables",
    "rmpupdate": "RMPUPDATE",
    "psmash": "PSMASH",
    "rmp_open": "write the RMP's own entry while it is built",
    "rmp_prefill": "write the RMP's own entry before it is built, and divert the firmware's writes",
    "rmp_write": "store to the memory that holds an entry of the RMP",
    "write_back": "let modified cache lines go to memory",
    "drop": "drop modified cache lines",
    "evict": "let the oldest line of a page leave the cache",
    "dma": "write memory as a device",
    # page states, by the guest
    "pvalidate": "accept a page",
    "rescind": "take the acceptance back",
    "private": "set the C-bit of a page that was shared",
    # firmware
    "launch": "launch blocks at addresses; the digest",
    "compare_digests": "compare the digest with the expected one",
    "move": "SNP_PAGE_MOVE",
    "debug_decrypt": "SNP_DBG_DECRYPT",
    "end_guest": "take the guest's ASID away",
    "activate_other": "give the ASID to another guest",
    "guest_request": "SNP_GUEST_REQUEST",
}
"""The vocabulary."""

_LINE = re.compile(r"^(\w+):\s+(?:(\w+)\s*=\s*)?(\w+)\(([^)]*)\)\s*(?:#\s*(.*))?$")


class BadTrace(ValueError):
    """A line that is no step."""


@dataclass(frozen=True)
class Step:
    """One step."""

    actor: str
    action: str
    operands: tuple[str, ...]
    result: str = ""
    """The name under which what came of it is kept."""
    words: str = ""

    @property
    def call(self) -> str:
        """The step without actor and comment."""
        first = 2 if self.action in ARROWS else 1
        operands = ", ".join([" -> ".join(self.operands[:first]), *self.operands[first:]])
        return f"{self.result} = {self.action}({operands})" if self.result else f"{self.action}({operands})"


ARROWS = ("copy", "boot", "npt", "rmpupdate", "move", "debug_decrypt", "shift_stack")
"""Actions from one place to another."""


def parsed(text: str) -> tuple[Step, ...]:
    """The steps of a trace."""
    return tuple(step_of(line) for line in text.strip().splitlines())


def step_of(line: str) -> Step:
    """One line."""
    found = _LINE.match(line.strip())
    if found is None:
        raise BadTrace(f"not a step: {line}")
    actor, result, action, operands, words = found.groups()
    if actor not in ACTORS or action not in ACTIONS:
        raise BadTrace(f"neither actor nor action is known: {line}")
    parts = re.split(r"\s*(?:->|,)\s*", operands.strip()) if operands.strip() else []
    return Step(actor, action, tuple(parts), result or "", words or "")
