"""VMRUN loads a guest's registers, the exit saves them: plainly (SEV), encrypted (SEV-ES), in the guest's page (SNP).

APM Vol. 2, 15.34, 15.35.4 and 15.36.12. Of an SEV-ES guest the processor remembers what it saved, where nobody can
write it, and refuses anything else.
"""

from spec.logic import all_of, any_of, ite, none_of
from spec.memory.asking import key_of_asid
from spec.memory.block import Block, BlockKey, opened
from spec.memory.state import Scene, content, storing
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.authority import page_of
from spec.rmp.host_writes import Vmsave
from spec.rmp.run_pages import RunPages, Vmexit
from spec.rmp.vmrun import Vmrun, is_snp
from spec.vmpl.sev_features import has
from spec.vocabulary import Event, Evidence, Pfn, SevFeatures


def saved_in(pages: RunPages) -> Pfn:
    """The page in which a virtual processor's registers are saved; it is known by it."""
    return page_of(ite(pages.sev_es, pages.vmsa, pages.vmcb))


def key_of_registers(scene: Scene, op: Vmrun) -> BlockKey:
    """The key under which they are saved; none for an SEV guest, or without R1."""
    encrypted = all_of(op.pages.sev_es, scene.rules.registers_encrypted)
    return ite(encrypted, key_of_asid(scene, op.asid, snp=is_snp(op)), 0)


def refused_registers(before: Scene, op: Vmrun, outcome: Outcome) -> Outcome:
    """What VMRUN answers where the saved registers of an SEV-ES guest are not those that were saved (R2)."""
    vcpu = saved_in(op.pages)
    found, known = content(before, vcpu), before.memory.checks[vcpu]
    same = all_of(found.key == known.key, found.at == known.at, found.value == known.value)
    if all_of(before.rules.registers_checked, op.pages.sev_es, none_of(is_snp(op)), none_of(same)):
        return Outcome(Event.VMEXIT_INVALID, "vmsa-integrity", before, Evidence.MANUAL)
    return outcome


def after_vmrun(before: Scene, op: Vmrun, after: Scene) -> Scene:
    """The registers are loaded. An event in the VMCB is taken, unless alternate injection looks for it elsewhere."""
    vcpu, key, memory = saved_in(op.pages), key_of_registers(before, op), before.memory
    value = opened(key, vcpu, content(before, vcpu), before.rules)
    word, event = ite(op.pages.sev_es, op.sev_features, 0), op.host.injection
    elsewhere = any_of(has(word, SevFeatures.ALTERNATE_INJECTION), has(word, SevFeatures.SECURE_AVIC))
    taken = all_of(event.valid, none_of(elsewhere))
    memory = replace(
        memory,
        registers=memory.registers.set(vcpu, value),
        runs=memory.runs.set(vcpu, key),
        events=memory.events.set(vcpu, ite(taken, event.vector, 0)),
    )
    written = replace(after.written, clean=after.written.clean.set(vcpu, False))
    return replace(after, memory=memory, written=written)


def after_vmexit(before: Scene, op: Vmexit, after: Scene) -> Scene:
    """The registers are saved as they were loaded."""
    vcpu, memory = saved_in(op.pages), before.memory
    key = memory.runs[vcpu]
    block = Block(key, ite(key == 0, 0, vcpu), memory.registers[vcpu])
    after = replace(after, memory=replace(memory, checks=memory.checks.set(vcpu, block)))
    return storing(after, vcpu, block)


def after_vmsave(before: Scene, op: Vmsave, after: Scene) -> Scene:  # noqa: ARG001 - what was there is gone
    """The page holds registers of the one who saved them, plainly."""
    return storing(after, page_of(op.target.spa), Block(0, 0, 0))
