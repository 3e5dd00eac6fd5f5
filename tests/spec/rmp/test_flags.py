"""The arithmetic flags after an RMP instruction."""

import pytest

from spec.features import MILAN
from spec.knobs import DEFAULT_KNOBS
from spec.record import replace
from spec.rmp.flags import flags_after
from spec.vocabulary import Eax


@pytest.mark.parametrize("eax", list(Eax))
@pytest.mark.parametrize("carry", [False, True])
def test_flags_are_those_of_comparing_with_zero(eax, carry):
    flags = flags_after(MILAN, eax, carry)
    assert flags.zero == (eax == 0)
    assert flags.parity == (bin(eax).count("1") % 2 == 0)
    assert (flags.overflow, flags.adjust, flags.sign, flags.carry, flags.defined) == (False, False, False, carry, True)


def test_flags_are_undefined_by_knob():
    platform = replace(MILAN, knobs=replace(DEFAULT_KNOBS, flags_from_eax=False))
    assert not flags_after(platform, Eax.SUCCESS, False).defined
