"""Registers at VMRUN and at the exit: plain (SEV), encrypted and remembered (SEV-ES), in the guest's page (SNP)."""

from typing import Any

from proofs.lifting import in_scene
from proofs.templates import nothing
from spec.features import GENERATIONS
from spec.memory.block import Block
from spec.memory.guest import Computation, guest_computes
from spec.memory.rules import Rules
from spec.memory.state import Scene
from spec.record import replace
from spec.registry import Outcome
from spec.rmp.cpu import HOST_CPU
from spec.rmp.run_pages import RunPages, Vmexit, vmexit
from spec.rmp.vmrun import Vmrun, vmrun
from spec.vocabulary import PAGE_SHIFT, Event, SevFeatures
from tests.spec.memory.scene import ASID, KEY, NEW, OLD, H, X, at_rest, host_read, host_write, owned, scene

VMCB = 0x55


def pages(*, sev_es: bool) -> RunPages:
    return RunPages(VMCB << PAGE_SHIFT, sev_es, X << PAGE_SHIFT, False, 0)


def enters(at: Scene, *, sev_es: bool, snp: bool = False, **fields: Any) -> Outcome:
    word = int(SevFeatures.SNP_ACTIVE) if snp else 0
    plain = replace(nothing(Vmrun), cpu=HOST_CPU, host_save_area=True, pages=pages(sev_es=sev_es), asid=ASID, svme=True)
    return in_scene(vmrun)(at, replace(plain, sev_features=word, **fields))


def exits(at: Scene, *, sev_es: bool) -> Scene:
    after: Scene = in_scene(vmexit)(at, Vmexit(pages(sev_es=sev_es))).system
    return after


def computes(at: Scene, vcpu: int, value: int) -> Scene:
    after: Scene = guest_computes(at, Computation(vcpu, value, public=False)).system
    return after


def es() -> Scene:
    start = scene(GENERATIONS["SEV-ES"])
    memory = start.memory
    block = Block(KEY, X, OLD)
    return replace(
        start,
        memory=replace(
            memory,
            legacy_keys=memory.legacy_keys.set(ASID, KEY),
            contents=memory.contents.set(X, block),
            checks=memory.checks.set(X, block),
        ),
    )


def test_sev_registers_are_saved_plainly_and_the_host_changes_them() -> None:
    running = enters(scene(GENERATIONS["SEV"]), sev_es=False)
    assert running.result is Event.COMPLETES
    saved = exits(computes(running.system, VMCB, NEW), sev_es=False)
    assert host_read(saved, VMCB).output == Block(0, 0, NEW)
    changed = host_write(saved, VMCB, value=OLD).system
    assert enters(changed, sev_es=False).system.memory.registers[VMCB] == OLD


def test_es_registers_are_saved_encrypted_and_a_replay_is_refused() -> None:
    running = enters(es(), sev_es=True)
    assert running.system.memory.registers[X] == OLD
    kept = host_read(running.system, X, note=7).system
    saved = exits(computes(kept, X, NEW), sev_es=True)
    assert host_read(saved, X).output == Block(KEY, X, NEW)
    replayed = host_write(saved, X, note=7).system
    done = enters(replayed, sev_es=True)
    assert (done.result, done.check, done.system) == (Event.VMEXIT_INVALID, "vmsa-integrity", replayed)
    unchecked = replace(replayed, rules=Rules(registers_checked=False))
    assert enters(unchecked, sev_es=True).system.memory.registers[X] == OLD


def test_snp_registers_are_loaded_from_the_guests_own_vmsa_page_only() -> None:
    own = owned(scene(), X, H, vmsa=True)
    own = replace(own, memory=replace(own.memory, contents=own.memory.contents.set(X, Block(KEY, X, OLD))))
    assert enters(own, sev_es=True, snp=True).system.memory.registers[X] == OLD
    foreign = owned(scene(), X, H, vmsa=True, asid=ASID + 1)
    assert enters(foreign, sev_es=True, snp=True).check == "owner-asid"
    unchecked = replace(foreign, rules=Rules(registers_checked=False))
    assert enters(unchecked, sev_es=True, snp=True).result is Event.COMPLETES


def test_exit_saves_under_the_key_of_the_entry() -> None:
    own = owned(scene(), X, H, vmsa=True)
    running = enters(own, sev_es=True, snp=True).system
    saved = exits(computes(running, X, NEW), sev_es=True)
    assert at_rest(saved, X) == Block(KEY, X, NEW)


def test_injected_event_is_taken_and_alternate_injection_ignores_it() -> None:
    event = replace(nothing(Vmrun).host.injection, valid=True, vector=0x80)
    host = replace(nothing(Vmrun).host, injection=event)
    own = owned(scene(), X, H, vmsa=True)
    assert enters(own, sev_es=True, snp=True, host=host).system.memory.events[X] == 0x80
    word = int(SevFeatures.SNP_ACTIVE | SevFeatures.ALTERNATE_INJECTION)
    done = enters(own, sev_es=True, host=host)
    assert done.result is Event.VMEXIT_INVALID
    ran = in_scene(vmrun)(
        own,
        replace(
            nothing(Vmrun),
            cpu=HOST_CPU,
            host_save_area=True,
            pages=pages(sev_es=True),
            asid=ASID,
            svme=True,
            sev_features=word,
            host=host,
        ),
    )
    assert (ran.result, ran.system.memory.events[X]) == (Event.COMPLETES, 0)
