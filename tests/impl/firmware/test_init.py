"""SNP_INIT, SNP_INIT_EX and SNP_SHUTDOWN: the RMP that comes out, and what must hold for it."""

from dataclasses import replace

import pytest

from impl.firmware.buffers import InitExBuffer, ShutdownExBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.environment import Environment
from impl.firmware.memory_map import Span
from impl.machine import GENOA, TURIN
from impl.registers import SYSCFG_SNP, Msr
from spec.vocabulary import PageState, PlatformState, Status
from tests.impl.firmware.host import ASID, BUFFER, GCTX, GPA, PAGE, SPA, TARGET, Host
from tests.impl.firmware.test_traces import counts_are_right

RMP_BASE, RMP_END = 0x10_0000, 0x11F_FFFF
SPLIT = replace(Environment().memory_map, dram=(Span(0, 0xFF_FFFF), Span(0x100_0000, 1 << 32)))
"""Two regions of DRAM that meet inside the RMP."""


def test_init_gives_every_page_its_state():
    host = Host()
    host.ok(CommandId.INIT)
    states = {
        0x0: PageState.HYPERVISOR,
        0xA_0000: PageState.HV_FIXED,
        0xB_F000: PageState.HV_FIXED,
        0xC_0000: PageState.HYPERVISOR,
        RMP_BASE: PageState.FIRMWARE,
        RMP_END - 0xFFF: PageState.FIRMWARE,
        RMP_END + 1: PageState.HYPERVISOR,
        0xF000_0000: PageState.HV_FIXED,
        0xF080_0000: PageState.HYPERVISOR,
    }
    assert {spa: host.state(spa) for spa in states} == states
    assert host.machine.memory.read_raw(RMP_BASE + 0x4000 + (RMP_BASE >> 12) * 16, 16) == bytes.fromhex(
        "05000000000000800000000000000000"
    )
    assert host.entry(0xA_0000).pack() == bytes.fromhex("04000000000000000000000000000000")


def test_init_counts_the_subpages_that_the_rmp_takes():
    host = Host()
    host.ok(CommandId.INIT)
    # The RMP starts in the middle of the first region and ends in the middle of the ninth.
    assert host.entry(0).subpage_count == 256
    assert host.entry(0x20_0000).subpage_count == 511
    assert host.entry(0x100_0000).subpage_count == 511
    assert counts_are_right(host, 0x0)


def test_init_clears_what_stood_in_the_rmp_before():
    host = Host()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA)
    host.machine.rmp.store_counter(7, 99)
    host.ok(CommandId.INIT)
    assert host.state(SPA) == PageState.HYPERVISOR
    assert host.machine.rmp.load_counter(ASID) == host.machine.rmp.load_counter(7) == 0


def test_init_makes_iommu_buffers_firmware_iommu_until_shutdown_ex():
    memory_map = replace(Environment().memory_map, iommu_buffers=(Span(SPA + PAGE, SPA + 3 * PAGE - 1),))
    host = Host(environment=Environment(memory_map=memory_map))
    host.ok(CommandId.INIT)
    assert host.entry(SPA + PAGE).gfn == 0x20_0000_0001  # recorded on hardware
    assert host.state(SPA + PAGE) == host.state(SPA + 2 * PAGE) == PageState.FIRMWARE_IOMMU
    assert host.entry(SPA).subpage_count == 2
    host.flush()
    host.ok(CommandId.SHUTDOWN_EX, ShutdownExBuffer(length=8, iommu_snp_shutdown=1))
    assert host.state(SPA + PAGE) == PageState.RECLAIM
    assert host.firmware.rmp_tcb is None


def test_init_of_a_segmented_rmp_covers_its_segments():
    host = Host(TURIN)
    host.ok(CommandId.INIT)
    assert host.state(0x10_0000) == PageState.FIRMWARE  # bookkeeping
    assert host.state(0x10_4000) == PageState.FIRMWARE  # segment table
    assert host.state(0x20_0000) == host.state(0x11F_F000) == PageState.FIRMWARE  # entries of the first segment
    assert host.state(0x120_0000) == PageState.HYPERVISOR


def test_init_twice_is_a_platform_state_error():
    host = Host()
    host.ok(CommandId.INIT)
    host.refused(Status.INVALID_PLATFORM_STATE, "platform-state", CommandId.INIT)


def test_init_after_legacy_sev_is_a_platform_state_error():
    host = Host()
    host.firmware.sev_initialised = True
    host.refused(Status.INVALID_PLATFORM_STATE, "platform-state", CommandId.INIT)


@pytest.mark.parametrize("offset", [0, 4, 0x10, 0x3F])
def test_init_ex_with_reserved_bits_is_refused(offset):
    host = Host()
    answer = host.run(CommandId.INIT_EX, InitExBuffer(init_rmp=1), {offset: 0x80})
    assert (answer.result, answer.check) == (Status.INVALID_PARAM, "reserved-bits")


@pytest.mark.parametrize(
    ("environment", "check"),
    [
        (Environment(dram_encryption=False), "snp-enabled"),
        (Environment(mfdm_enabled=False), "mfdm"),
        (Environment(smm_locked=False), "smm-lock"),
        (Environment(tseg_consistent=False), "tseg"),
        (Environment(iommu_snp=False), "iommu"),
        (Environment(memory_map=SPLIT), "rmp-region"),
    ],
)
def test_init_on_an_unsound_platform_is_a_config_error(environment, check):
    host = Host(environment=environment)
    host.refused(Status.INVALID_CONFIG, check, CommandId.INIT)
    assert host.firmware.platform_state == PlatformState.UNINIT


def test_init_without_snp_in_syscfg_is_a_config_error():
    host = Host(replace(GENOA, snp_enabled=False))
    host.refused(Status.INVALID_CONFIG, "snp-enabled", CommandId.INIT)


@pytest.mark.parametrize(
    ("base", "end", "status", "check"),
    [
        (0x10_2000, 0x11F_FFFF, Status.INVALID_CONFIG, "rmp-alignment"),
        (0x10_0000, 0x11F_DFFF, Status.INVALID_CONFIG, "rmp-alignment"),
        (1 << 51 | 0x10_0000, 1 << 51 | 0x11F_FFFF, Status.UNSUPPORTED, "rmp-c-bit"),
        (0x7000_0000, 0x700F_FFFF, Status.RMP_INITIALIZATION_FAILED, "rmp-built"),
    ],
)
def test_init_with_bad_bounds_is_refused(base, end, status, check):
    host = Host()
    host.machine.registers[Msr.RMP_BASE], host.machine.registers[Msr.RMP_END] = base, end
    host.machine.relocate_rmp()
    host.refused(status, check, CommandId.INIT)


def test_init_with_a_host_save_area_is_a_config_error_only_if_the_rmp_is_built():
    host = Host()
    host.ok(CommandId.INIT)
    host.flush()
    host.ok(CommandId.SHUTDOWN)
    host.machine.registers[Msr.VM_HSAVE_PA] = SPA
    host.refused(Status.INVALID_CONFIG, "host-save-area", CommandId.INIT)
    host.ok(CommandId.INIT_EX, InitExBuffer(init_rmp=0))


def test_init_ex_keeps_the_rmp_of_the_same_tcb():
    host = Host()
    host.refused(Status.RMP_INIT_REQUIRED, "rmp-initialised", CommandId.INIT_EX, InitExBuffer())
    host.ok(CommandId.INIT)
    host.flush()
    host.rmpupdate(SPA, asid=ASID, gpa=GPA)
    host.ok(CommandId.SHUTDOWN)
    host.refused(Status.INVALID_PARAM, "list-needs-rmp-init", CommandId.INIT_EX, InitExBuffer(list_paddr_en=1))
    host.ok(CommandId.INIT_EX, InitExBuffer())
    assert host.state(SPA) == PageState.PRE_GUEST
    host.flush()
    host.ok(CommandId.SHUTDOWN)
    host.firmware.rmp_tcb = 1
    host.refused(Status.RMP_INIT_REQUIRED, "rmp-initialised", CommandId.INIT_EX, InitExBuffer())


def range_list(*ranges: tuple[int, int, int], count: int | None = None) -> bytes:
    head = (len(ranges) if count is None else count).to_bytes(8, "little")
    body = (
        base.to_bytes(8, "little") + pages.to_bytes(4, "little") + stray.to_bytes(4, "little")
        for base, pages, stray in ranges
    )
    return head + b"".join(body)


def test_init_ex_list_makes_pages_hv_fixed_up_to_a_malformed_entry():
    host = Host()
    host.machine.memory.write_raw(TARGET, range_list((SPA, 2, 0), (SPA + 0x5000, 1, 1), (SPA + 0x6000, 1, 0)))
    host.ok(CommandId.INIT_EX, InitExBuffer(init_rmp=1, list_paddr_en=1, list_paddr=TARGET))
    assert host.state(SPA) == host.state(SPA + PAGE) == PageState.HV_FIXED
    assert host.state(SPA + 2 * PAGE) == host.state(SPA + 0x6000) == PageState.HYPERVISOR


def test_init_ex_list_cannot_take_the_rmp():
    host = Host()
    host.machine.memory.write_raw(TARGET, range_list((0xF_F000, 3, 0), (0x11F_F000, 2, 0)))
    host.ok(CommandId.INIT_EX, InitExBuffer(init_rmp=1, list_paddr_en=1, list_paddr=TARGET))
    assert host.state(0xF_F000) == host.state(0x120_0000) == PageState.HV_FIXED
    assert host.state(0x11F_F000) == host.state(RMP_BASE) == PageState.FIRMWARE


def test_shutdown_needs_clean_asids_and_is_idempotent():
    host = Host()
    host.ok(CommandId.SHUTDOWN)
    host.ok(CommandId.INIT)
    host.refused(Status.DF_FLUSH_REQUIRED, "asids-clean", CommandId.SHUTDOWN)
    host.flush()
    host.launch()
    host.refused(Status.DF_FLUSH_REQUIRED, "asids-clean", CommandId.SHUTDOWN)


@pytest.mark.parametrize(
    ("buffer", "check"),
    [
        (ShutdownExBuffer(length=7), "length"),
        (ShutdownExBuffer(length=8, x86_snp_shutdown=1), "x86-needs-iommu"),
    ],
)
def test_shutdown_ex_judges_its_buffer_last(buffer, check):
    host = Host().initialise()
    host.refused(Status.INVALID_PARAM, check, CommandId.SHUTDOWN_EX, buffer)
    host.firmware.sev_initialised = True
    host.refused(Status.INVALID_PLATFORM_STATE, "sev-state", CommandId.SHUTDOWN_EX, buffer)


def test_shutdown_ex_with_reserved_bits_is_refused():
    host = Host().initialise()
    host.refused(Status.INVALID_PARAM, "reserved-bits", CommandId.SHUTDOWN_EX, ShutdownExBuffer(length=8), x4=4)


def test_shutdown_ex_can_turn_snp_off_and_drops_guest_keys():
    host = Host().initialise()
    host.machine.engine.install_key(ASID, bytes(range(32)))
    host.ok(CommandId.SHUTDOWN_EX, ShutdownExBuffer(length=8, iommu_snp_shutdown=1, x86_snp_shutdown=1))
    assert not host.machine.registers[Msr.SYSCFG] & SYSCFG_SNP
    assert not host.machine.engine.has_key(ASID)
    assert host.firmware.platform_state == PlatformState.UNINIT


def test_command_that_does_not_exist_is_refused():
    host = Host().initialise()
    assert host.processor.command(0xFF, BUFFER) == Status.INVALID_COMMAND


def test_command_buffer_in_smm_memory_is_refused():
    host = Host().initialise()
    assert host.processor.command(CommandId.GCTX_CREATE, 0xF000_0000) == Status.INVALID_ADDRESS
    assert host.state(GCTX) == PageState.HYPERVISOR
