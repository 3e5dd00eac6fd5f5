"""Every claim about #VC."""

from spec.vc.admission_invariants import INVARIANTS as ADMISSION
from spec.vc.disclosure_invariants import INVARIANTS as DISCLOSURE
from spec.vc.effect_invariants import INVARIANTS as EFFECTS
from spec.vc.nesting_invariants import INVARIANTS as NESTING

INVARIANTS = (*ADMISSION, *DISCLOSURE, *EFFECTS, *NESTING)
