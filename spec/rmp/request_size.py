"""The size that PVALIDATE and RMPADJUST ask for, against the sizes of the RMP entry and of the nested mapping.

APM Vol. 2, 15.36.10, Table 15-40, speaks of the entry's size; 15.36.6 of the mapping's.
"""

from spec.logic import all_of, ite
from spec.rmp.entry import PageSizeBit
from spec.rmp.ownership import Speaking
from spec.rmp.translation import Translation, is_large
from spec.system.state import System
from spec.vocabulary import PageSize


def is_one_size(page_size: PageSizeBit, translation: Translation, found: Speaking) -> bool:
    """Request, entry and mapping are all 4 KiB or all 2 MiB."""
    large = page_size == PageSize.SIZE_2M
    return all_of(found.large == large, is_large(translation) == large)


def reports_size_mismatch(system: System, translation: Translation, found: Speaking) -> bool:
    """SIZEM of a 4 KiB request: by the entry's size, or by the mapping's (knob K-PVAL-SIZEM)."""
    return ite(system.platform.knobs.sizem_by_rmp, found.large, is_large(translation))
