"""The order in which RMPUPDATE tests the old entries. No source fixes it (knob K-RMPUPD-ORDER)."""

from spec.features import Platform
from spec.knobs import EntryCheckOrder
from spec.logic import all_of, any_of, first_of, none_of
from spec.vocabulary import Eax

ENTRY_RESULTS = {"in-use": Eax.FAIL_INUSE, "immutable": Eax.FAIL_PERMISSION, "overlap": Eax.FAIL_OVERLAP}


def first_in_order(platform: Platform, *, in_use: bool, immutable: bool, overlap: bool) -> str | None:
    """The failing check that is reported, or None if none fails."""
    if none_of(in_use, immutable, overlap):
        return None
    order = platform.knobs.rmpupdate_order
    immutable_before_in_use = any_of(
        order == EntryCheckOrder.I_U_O, order == EntryCheckOrder.I_O_U, order == EntryCheckOrder.O_I_U
    )
    overlap_before_in_use = any_of(
        order == EntryCheckOrder.I_O_U, order == EntryCheckOrder.O_U_I, order == EntryCheckOrder.O_I_U
    )
    overlap_before_immutable = any_of(
        order == EntryCheckOrder.U_O_I, order == EntryCheckOrder.O_U_I, order == EntryCheckOrder.O_I_U
    )
    preceded = any_of(all_of(immutable, immutable_before_in_use), all_of(overlap, overlap_before_in_use))
    return first_of(
        ("in-use", all_of(in_use, none_of(preceded))),
        ("immutable", all_of(immutable, none_of(all_of(overlap, overlap_before_immutable)))),
        ("overlap", True),
    )
