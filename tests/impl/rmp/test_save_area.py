"""Registers between exit and entry, by generation."""

from dataclasses import replace

import pytest

from impl.completion import Completion
from impl.hypervisor.vmsa_layout import FIELDS
from impl.machine import GENOA, Configuration, Running
from impl.memory.engine import PAGE_BYTES
from impl.protections import Protections
from impl.rmp.vmcb import SAVE_AREA
from impl.rmp.vmrun import vmexit
from spec.vocabulary import Event, SevFeatures
from tests.impl.rmp.test_vmrun import VMCB, Host
from tests.impl.scene import GUEST_ASID, SPA

OLDER = replace(GENOA, snp_enabled=False)
SECRET = 0x1122_3344_5566_7788
RAX = FIELDS["rax"].offset


def sev(configuration: Configuration = OLDER) -> Host:
    host = Host(configuration, features=SevFeatures(0))
    host.word(0x090, 0b011)
    return host


def ran_with_secret(host: Host) -> None:
    running = host.run()
    assert isinstance(running, Running)
    running.registers["rax"] = SECRET
    vmexit(host.machine, running, 0x60)


def plain(host: Host) -> int:
    return int.from_bytes(host.machine.memory.read_raw(VMCB + SAVE_AREA + RAX, 8), "little")


def test_sev_exit_leaves_registers_in_the_vmcb_and_vmrun_takes_what_stands_there():
    host = sev()
    ran_with_secret(host)
    assert plain(host) == SECRET
    host.word(SAVE_AREA + RAX, 7)
    running = host.run()
    assert isinstance(running, Running)
    assert running.registers["rax"] == 7


@pytest.mark.parametrize(
    ("configuration", "features"), [(OLDER, SevFeatures(0)), (GENOA, SevFeatures.SNP_ACTIVE)], ids=["SEV-ES", "SNP"]
)
def test_encrypted_exit_leaves_none_in_the_vmcb_and_comes_back(configuration, features):
    host = Host(configuration, features=features)
    ran_with_secret(host)
    assert plain(host) == 0
    assert host.machine.memory.read_raw(SPA + RAX, 8) != SECRET.to_bytes(8, "little")
    running = host.run()
    assert isinstance(running, Running)
    assert running.registers["rax"] == SECRET


def test_es_vmrun_refuses_an_older_save_area():
    host = Host(OLDER, features=SevFeatures(0))
    older = host.machine.memory.read_raw(SPA, PAGE_BYTES)
    ran_with_secret(host)
    host.machine.memory.write_raw(SPA, older)
    assert host.refused() == (Event.VMEXIT_INVALID, "vmsa-checksum")


def test_es_vmrun_refuses_a_copy_elsewhere():
    host = Host(OLDER, features=SevFeatures(0))
    copy = host.machine.memory.read(SPA, PAGE_BYTES, GUEST_ASID)
    host.machine.memory.write(SPA + PAGE_BYTES, copy, GUEST_ASID)
    host.word(0x108, SPA + PAGE_BYTES)
    assert host.refused() == (Event.VMEXIT_INVALID, "vmsa-checksum")


def test_without_r2_es_vmrun_takes_an_older_save_area():
    host = Host(replace(OLDER, protections=Protections(registers_authentic=False)), features=SevFeatures(0))
    older = host.machine.memory.read_raw(SPA, PAGE_BYTES)
    ran_with_secret(host)
    host.machine.memory.write_raw(SPA, older)
    running = host.run()
    assert not isinstance(running, Completion)
    assert running.registers["rax"] == 0


@pytest.mark.parametrize("protected", [False, True])
def test_registers_look_alike_again_unless_they_are_disguised(protected):
    features = SevFeatures.SNP_ACTIVE | (SevFeatures.VMSA_REG_PROT if protected else SevFeatures(0))
    host = Host(features=features)
    seen = []
    for _ in range(2):
        ran_with_secret(host)
        seen.append(host.machine.memory.read_raw(SPA + (RAX & ~0xF), 16))
    assert (seen[0] == seen[1]) is not protected
