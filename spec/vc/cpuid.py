"""CPUID of an SNP guest: the CPUID page answers, and the hypervisor for no more than what changes from processor to
processor or from moment to moment (GHCB, 56421, "CPUID"; firmware ABI 56860, "CPUID Reporting"; rule S13).
"""

from spec.knobs import CpuidMissing
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record
from spec.vc.instruction import LOW_32, RAX, RBX, RCX, RDX
from spec.vc.state import CpuidIndex, Leaf, Place, VcExchange, context_of, register
from spec.vocabulary import SevFeatures

FEATURE_LEAF, STRUCTURED_LEAF, TOPOLOGY_LEAF, PROCESSOR_LEAF = 0x1, 0x7, 0xB, 0x8000_001E
OSXSAVE, OSPKE = 1 << 27, 1 << 4
"""Leaf 1 ECX, leaf 7 ECX: copies of bits of CR4, which the guest knows best."""


@record
class CpuidResult:
    """EAX, EBX, ECX, EDX."""

    eax: Leaf
    ebx: Leaf
    ecx: Leaf
    edx: Leaf


def volatile(leaf: Leaf) -> CpuidResult:
    """The bits of each register that are the hypervisor's to say: APIC identifiers, and whether the APIC is on."""
    return CpuidResult(
        eax=ite(leaf == PROCESSOR_LEAF, LOW_32, 0),
        ebx=ite(leaf == FEATURE_LEAF, 0xFF00_0000, ite(leaf == PROCESSOR_LEAF, 0xFF, 0)),
        ecx=ite(leaf == PROCESSOR_LEAF, 0xFF, 0),
        edx=ite(leaf == FEATURE_LEAF, 1 << 9, ite(leaf == TOPOLOGY_LEAF, LOW_32, 0)),
    )


def index_of(exchange: VcExchange) -> CpuidIndex:
    """Which entry is asked for. ECX counts for every leaf here; the page repeats those where it does not."""
    return CpuidIndex(register(exchange, RAX) & LOW_32, register(exchange, RCX) & LOW_32)


def has_page(exchange: VcExchange) -> bool:
    """The guest answers CPUID from its page."""
    return all_of(exchange.rules.limits_registers, exchange.sev_features & SevFeatures.SNP_ACTIVE != 0)


def is_fatal(exchange: VcExchange) -> bool:
    """The page lacks the leaf, and the guest does not go on without."""
    missing = none_of(exchange.cpuid_page[index_of(exchange)].present)
    return all_of(has_page(exchange), missing, exchange.platform.knobs.vc_cpuid_missing == CpuidMissing.FATAL)


def completes(exchange: VcExchange) -> bool:
    """Volatile bits are filled in: of what the page has, and of what is in range."""
    entry = exchange.cpuid_page[index_of(exchange)]
    alone = exchange.platform.knobs.vc_cpuid_missing == CpuidMissing.ZEROS_ALONE
    return any_of(entry.present, all_of(entry.in_range, none_of(alone)))


def asks_hypervisor(exchange: VcExchange) -> bool:
    """Whether CPUID leaves the guest."""
    bits = volatile(index_of(exchange).leaf)
    some = any_of(bits.eax != 0, bits.ebx != 0, bits.ecx != 0, bits.edx != 0)
    return any_of(none_of(has_page(exchange)), all_of(completes(exchange), some))


def mixed(own: Leaf, given: Leaf, bits: Leaf) -> Leaf:
    """The guest's own value, with the hypervisor's in some bits."""
    return own ^ (own & bits) | given & bits


def cpuid_result(exchange: VcExchange) -> CpuidResult:
    """What the interrupted code is given."""
    level, index = exchange.depth, index_of(exchange)
    given = CpuidResult(*(exchange.answers[Place(level, place)] & LOW_32 for place in (RAX, RBX, RCX, RDX)))
    entry = exchange.cpuid_page[index]
    fills, bits = completes(exchange), volatile(index.leaf)
    eax = mixed(ite(entry.present, entry.eax, 0), given.eax, ite(fills, bits.eax, 0))
    ebx = mixed(ite(entry.present, entry.ebx, 0), given.ebx, ite(fills, bits.ebx, 0))
    edx = mixed(ite(entry.present, entry.edx, 0), given.edx, ite(fills, bits.edx, 0))
    ecx = mixed(ite(entry.present, entry.ecx, 0), given.ecx, ite(fills, bits.ecx, 0))
    ecx = with_control_bits(exchange, index.leaf, ecx, fills)
    page = has_page(exchange)
    return CpuidResult(
        eax=ite(page, eax, given.eax),
        ebx=ite(page, ebx, given.ebx),
        ecx=ite(page, ecx, given.ecx),
        edx=ite(page, edx, given.edx),
    )


def with_control_bits(exchange: VcExchange, leaf: Leaf, ecx: Leaf, fills: bool) -> Leaf:
    """ECX with the bits that repeat CR4."""
    context = context_of(exchange)
    xsave = ite(all_of(fills, leaf == FEATURE_LEAF), OSXSAVE, 0)
    keys = ite(all_of(fills, leaf == STRUCTURED_LEAF), OSPKE, 0)
    set_bits = ite(context.cr4_osxsave, xsave, 0) | ite(context.cr4_pke, keys, 0)
    bits = xsave | keys
    return mixed(ecx, set_bits, bits)
