"""Every claim about #VC."""

from spec.vc.admission_invariants import INVARIANTS as ADMISSION
from spec.vc.disclosure_invariants import INVARIANTS as DISCLOSURE
from spec.vc.effect_invariants import INVARIANTS as EFFECTS
from spec.vc.nesting_invariants import INVARIANTS as NESTING
from spec.vc.reply_invariants import INVARIANTS as REPLIES

INVARIANTS = (*ADMISSION, *DISCLOSURE, *EFFECTS, *REPLIES, *NESTING)
