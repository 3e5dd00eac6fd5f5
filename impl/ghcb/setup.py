"""From the first instruction to a GHCB page: version, features, registration. GHCB (56421), "Initialization".

An SNP guest has no shared page yet: it gives one up, asks for the change, and only then uses it as shared.
"""

from impl.ghcb import msr_protocol
from impl.ghcb.call import GhcbCall
from impl.ghcb.gate import Gate
from impl.ghcb.page import GhcbPage
from impl.ghcb.page_state_change import rescind
from impl.ghcb.termination import terminate
from spec.ghcb.vocabulary.hv_features import HvFeature
from spec.ghcb.vocabulary.page import MAX_PROTOCOL_VERSION
from spec.ghcb.vocabulary.page_state import PageOperation
from spec.ghcb.vocabulary.termination import Reason

LOWEST_VERSION, HIGHEST_VERSION = 1, MAX_PROTOCOL_VERSION
"""What this guest speaks."""
SNP_VERSION = 2
"""The lowest version that has the events of SNP."""


def negotiated(gate: Gate, *, snp: bool) -> int:
    """The highest version that both sides speak."""
    offered = msr_protocol.sev_info(gate)
    lowest = SNP_VERSION if snp else LOWEST_VERSION
    if offered.lowest > offered.highest or offered.highest < lowest or offered.lowest > HIGHEST_VERSION:
        terminate(gate, "no version of the GHCB protocol that both sides speak", Reason.PROTOCOL_RANGE)
    return min(offered.highest, HIGHEST_VERSION)


def require_snp(gate: Gate) -> None:
    """The hypervisor must offer SNP to an SNP guest."""
    if not msr_protocol.hypervisor_features(gate) & HvFeature.SNP:
        terminate(gate, "the hypervisor does not offer what an SNP guest needs", Reason.SNP_FEATURES)


def set_up(gate: Gate, gpa: int, *, shared: int, private: int, snp: bool) -> GhcbCall:
    """A page that is ready to be used. `shared` and `private` are its linear addresses without and with C-bit."""
    version = negotiated(gate, snp=snp)
    if snp:
        require_snp(gate)
        rescind(gate, private)
        msr_protocol.change_page_state(gate, gpa, PageOperation.SHARED)
        msr_protocol.register_page(gate, gpa)
    page = GhcbPage(gate, shared, gpa)
    gate.clear(shared)
    gate.write_msr(gpa)
    return GhcbCall(gate, page, version)
