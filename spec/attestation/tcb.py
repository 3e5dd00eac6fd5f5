"""TCB versions: which firmware and microcode a report speaks of (firmware ABI 56860, "TCB Version")."""

from typing import Annotated

from spec.attestation.report import WITH_CPUID, Report, TcbNumber
from spec.attestation.rules import Faults
from spec.logic import all_of, any_of, ite, none_of
from spec.record import record
from spec.vocabulary import Bits, Product

Component = Annotated[int, Bits(8)]
"""A security version number (SVN)."""
COMPONENTS = 8
TURIN_RESERVED = 0x00FF_FFFF_0000_0000
"""Bytes 4 to 6."""
EARLIER_RESERVED = 0x0000_FFFF_FFFF_0000
"""Bytes 2 to 5, on Milan and Genoa."""


@record
class TcbVersion:
    """The parts of a TCB version, as a VCEK's or VLEK's certificate names them."""

    fmc: Component
    """Turin and later."""
    boot_loader: Component
    tee: Component
    snp: Component
    microcode: Component


def as_number(tcb: TcbVersion, product: Annotated[int, Bits(2)]) -> int:
    """The parts in the order in which a report of this product has them."""
    turin = tcb.fmc | tcb.boot_loader << 8 | tcb.tee << 16 | tcb.snp << 24 | tcb.microcode << 56
    earlier = tcb.boot_loader | tcb.tee << 8 | tcb.snp << 48 | tcb.microcode << 56
    return ite(product == Product.TURIN, turin, earlier)


def reserved_bits(product: Annotated[int, Bits(2)]) -> int:
    """The bits of a TCB version that have no meaning on a product."""
    return ite(product == Product.TURIN, TURIN_RESERVED, EARLIER_RESERVED)


def at_least(tcb: TcbNumber, floor: TcbNumber) -> bool:
    """No part is older than that of `floor`. A newer part does not make up for an older one."""
    return all_of(*((tcb >> 8 * part) & 0xFF >= (floor >> 8 * part) & 0xFF for part in range(COMPONENTS)))


def tcb_faults(report: Report, product: Annotated[int, Bits(2)]) -> Faults:
    """TCB versions that firmware of this product never reports together."""
    every = report.current_tcb | report.reported_tcb | report.committed_tcb | report.launch_tcb
    return (
        ("tcb-reserved", every & reserved_bits(product) != 0),
        ("tcb-committed", none_of(at_least(report.current_tcb, report.committed_tcb))),
        ("tcb-reported", none_of(at_least(report.committed_tcb, report.reported_tcb))),
    )


def is_of_product(report: Report, product: Annotated[int, Bits(2)]) -> bool:
    """The CPUID bytes are those of a product; reports before version 3 have none."""
    model, family = report.cpuid_model, report.cpuid_family
    milan = all_of(family == 0x19, model < 0x10)
    genoa = all_of(family == 0x19, any_of(all_of(model >= 0x10, model < 0x20), model & 0xF0 == 0xA0))
    turin = all_of(family == 0x1A, model < 0x12)
    return any_of(
        report.version < WITH_CPUID,
        all_of(product == Product.MILAN, milan),
        all_of(product == Product.GENOA, genoa),
        all_of(product == Product.TURIN, turin),
    )
