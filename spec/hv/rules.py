"""The rules of the guest's #HV handler. Each can be switched off to see what it is for; see `proofs/hv_premises.py`."""

from spec.logic import all_of
from spec.record import fields_of, record


@record
class HvRules:
    """What a careful handler does; the wrong program that each switch gives is a known mistake."""

    clears_before_reading: bool = True
    """Clear NoFurtherSignal, then read the vector: what comes later is signalled again."""
    clears_atomically: bool = True
    """Clear the flags by one locked access of exactly their width, which changes nothing else."""
    closes_halt: bool = True
    """A #HV between the look at the page and HLT keeps the processor from halting."""
    closes_leaving: bool = True
    """A #HV between the look at the page and VMGEXIT keeps the processor from running another VMPL."""
    closes_return: bool = True
    """A #HV between the look at the page and IRET starts the loop anew, on the frame that is about to be left."""
    windows_begin_at_jump: bool = True
    """A window begins with the instruction after the look at the page, and not one later."""
    tests_before_return: bool = True
    """Look at the page before returning to code with interrupts enabled."""
    tests_after_enabling: bool = True
    """Look at the page after STI."""
    rechecks_after_lowering: bool = True
    """Look at the page after lowering the TPR while interrupts are enabled."""
    tests_deferred: bool = True
    """Before halting or leaving look at the vector, too: what the TPR deferred is not signalled again."""
    keeps_flag_on_postpone: bool = True
    """Leave NoFurtherSignal set when the work is postponed."""
    takes_over_enabled_only: bool = True
    """Start the loop anew only on a frame with interrupts enabled."""
    adjusts_shadow_stack: bool = True
    """Change the shadow stack whenever a frame's RIP is changed or a frame is dropped."""
    detects_overlap: bool = True
    """With a stack of its own for #HV: stop if the interrupted code was still on that stack."""
    stays_on_processor: bool = True
    """An interrupt handler ends on the processor on which it began."""
    compares_frame: bool = True
    """On taking over a frame, compare its RIP and no other register with the address of HLT."""


@record
class HandlerChoices:
    """What a careful handler may do either way."""

    tests_windows_first: bool = False
    """Compare RIP with the windows before looking at the interrupted IF."""
    uses_ist: bool = False
    """#HV has a stack of its own (IST)."""


CAREFUL_HANDLER = HvRules()


def is_careful(rules: HvRules) -> bool:
    """Every rule is kept."""
    return all_of(*(getattr(rules, field.name) for field in fields_of(HvRules)))
