"""A VMCB and a VMSA in memory, as the operand of VMRUN says."""

from impl.firmware.guest_context import KEY_BYTES
from impl.firmware.rmp_extent import rmp_spans
from impl.hypervisor.vmsa_layout import pack
from impl.registers import IBS_OP_ENABLE, Msr
from impl.rmp import vmcb
from impl.rmp.effective import authority
from impl.rmp.save_area import record_checksum
from impl.rmp.vmrun import EFER_SVME, VINTR_BUSY
from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.concretisation import Inexpressible
from spec.rmp.authority import GFN_MAX, offset_of, page_of
from spec.rmp.vmrun import Vmrun
from spec.vmpl.sev_features import InjectionRequest

SAVE_AREA = 0x1_4100_0000
WORD = 8


def with_control_block(bench: Bench, op: Vmrun) -> None:
    """Write what the operand says, past all checks; where an address names no page there is nothing to write."""
    machine, pages = bench.machine, op.pages
    machine.registers[Msr.VM_HSAVE_PA] = SAVE_AREA if op.host_save_area else 0
    machine.registers[Msr.IBS_OP_CTL] = IBS_OP_ENABLE if op.host.ibs else 0
    frames = [page_of(pages.vmcb), *([page_of(pages.vmsa)] if pages.sev_es else [])]
    if len(set(frames)) != len(frames):
        raise Inexpressible("one page cannot be VMCB and VMSA")
    if not machine.memory.exists(pages.vmcb, 0x1000) or not machine.memory.exists(pages.vmsa, 0x1000):
        raise Inexpressible("there is no memory at this address")
    if pages.sev_es and any(span.first <= pages.vmsa <= span.last for span in rmp_spans(machine)):
        raise Inexpressible("what stands in the RMP's own memory is no VMSA")
    write_control_area(bench, op)
    if pages.sev_es and op.asid:
        write_save_area(bench, op)


def write_control_area(bench: Bench, op: Vmrun) -> None:
    """The VMCB."""
    memory, pages, at = bench.machine.memory, op.pages, op.pages.vmcb & ~0xFFF
    words = {
        vmcb.ASID: op.asid,
        vmcb.INTERRUPT_CONTROL: vmcb.AVIC_ENABLE if pages.avic else 0,
        vmcb.NESTED_CONTROL: 1
        | (vmcb.SEV_ES_ENABLE if pages.sev_es else 0)
        | (vmcb.SSS_CHECK_ENABLE if op.host.shadow_stack else 0),
        vmcb.EVENTINJ: event_word(op.host.injection),
        vmcb.AVIC_BACKING_PAGE: pages.avic_backing,
        vmcb.VMSA_POINTER: pages.vmsa,
        vmcb.ALLOWED_SEV_FEATURES: op.host.allowed,
    }
    for offset, value in words.items():
        memory.write_raw(at + offset, value.to_bytes(WORD, "little"))


def write_save_area(bench: Bench, op: Vmrun) -> None:
    """The VMSA, through the guest's key. A guest that the firmware knows nothing of has a key all the same."""
    machine, frame = bench.machine, page_of(op.pages.vmsa)
    if not machine.engine.has_key(op.asid):
        machine.engine.install_key(op.asid, bytes(range(KEY_BYTES)))
    fields = {
        "efer": EFER_SVME if op.svme else 0,
        "sev_features": op.sev_features,
        "vintr_ctrl": VINTR_BUSY if op.busy else 0,
    }
    machine.memory.write(frame << 12, pack(fields), op.asid)
    record_checksum(machine, frame << 12)
    speaking = authority(machine.rmp, frame) if machine.rmp.covers(frame) else frame
    counted = offset_of(frame) if speaking != frame and machine.rmp.load(speaking).asid else 0
    machine.vmsa_gfns[speaking] = (op.vmsa_gfn - counted) & GFN_MAX


def event_word(event: InjectionRequest) -> int:
    """EVENTINJ."""
    return event.vector | event.kind << 8 | event.error_code_valid << 11 | event.valid << 31
