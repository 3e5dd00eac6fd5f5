"""ASIDs on core complexes: which caches may still hold a guest's lines (firmware ABI 56860, "ASID management").

Per ASID and CCX: dirty, by DF_FLUSH after WBINVD clean, by ACTIVATE allocated, by LAUNCH_FINISH in use, and by
DECOMMISSION dirty again (clean, if the guest never ran).
"""

from collections.abc import Iterable
from enum import Enum, unique


@unique
class CcxState(Enum):
    """The state of one ASID on one core complex."""

    DIRTY = "dirty"
    CLEAN = "clean"
    ALLOCATED = "allocated"
    IN_USE = "in use"


class AsidTable:
    """The states of all ASIDs; after SNP_INIT all are dirty."""

    def __init__(self, maximum_asid: int, ccxs: int) -> None:
        """ASIDs 1 to `maximum_asid`, CCXs 0 to `ccxs` - 1."""
        self._states = {asid: [CcxState.DIRTY] * ccxs for asid in range(1, maximum_asid + 1)}

    def states_of(self, asid: int) -> tuple[CcxState, ...]:
        """The states of the ASID, by CCX."""
        return tuple(self._states[asid])

    def any_in(self, asid: int, *states: CcxState) -> bool:
        """Whether the ASID is in one of the states on some CCX."""
        return any(state in states for state in self._states[asid])

    def all_clean(self, asid: int) -> bool:
        """Whether the ASID is clean on every CCX."""
        return all(state == CcxState.CLEAN for state in self._states[asid])

    def every_asid_clean(self) -> bool:
        """Whether nothing is left to flush and no guest holds an ASID."""
        return all(self.all_clean(asid) for asid in self._states)

    def ccxs_in(self, asid: int, state: CcxState) -> set[int]:
        """The CCXs on which the ASID is in the state."""
        return {ccx for ccx, found in enumerate(self._states[asid]) if found == state}

    def put(self, asid: int, ccxs: Iterable[int], state: CcxState) -> None:
        """Move the ASID to the state on these CCXs."""
        for ccx in ccxs:
            self._states[asid][ccx] = state

    def flush(self, ccxs: set[int]) -> None:
        """Every ASID that is dirty on one of these CCXs becomes clean there."""
        for states in self._states.values():
            for ccx in ccxs:
                if states[ccx] == CcxState.DIRTY:
                    states[ccx] = CcxState.CLEAN
