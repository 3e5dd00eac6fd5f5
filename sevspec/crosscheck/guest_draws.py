"""Firmware commands of a guest's life: operands to try."""

from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.command_draws import a_context, a_page_that, reserved
from sevspec.crosscheck.draws import GUESTS, RARELY, WIDE, likely
from sevspec.crosscheck.mailbox import PAGE, page_address
from spec.firmware.activate import Activate
from spec.firmware.activate_ex import ActivateEx
from spec.firmware.config import SnpConfig
from spec.firmware.decommission import Decommission
from spec.firmware.df_flush import DfFlush, Wbinvd
from spec.firmware.gctx_create import GctxCreate
from spec.firmware.id_block import IdBlock
from spec.firmware.launch_finish import LaunchFinish
from spec.firmware.launch_start import LaunchStart
from spec.firmware.policy import LaunchPlatform
from spec.record import replace
from spec.rmp.page_state import is_context, is_firmware

POLICIES = (0x3_0000, 0x3_0000, 0x7_0000, 0xB_0000, 0x13_0000, 0x2_0000, 0x1_0000, 0x3_0200, 0x23_0000)


def draw_gctx_create(rng: Random, bench: Bench) -> GctxCreate:
    """Mostly a donated page."""
    return GctxCreate(a_page_that(rng, bench, is_firmware), True)


def draw_launch_start(rng: Random, bench: Bench) -> LaunchStart:
    """Sometimes with a migration agent."""
    agent = a_context(rng, bench)
    return LaunchStart(
        context=a_context(rng, bench),
        policy=rng.choice(POLICIES),
        agent=replace(agent, spa=agent.spa & -PAGE) if likely(rng, 0.9) else agent,
        agent_enabled=likely(rng, 0.15),
        imi_enabled=likely(rng, 0.05),
        reserved=reserved(rng),
        platform=LaunchPlatform(bench.processor.firmware.environment.topology.smt_enabled, False, False, False, False),
    )


def draw_activate(rng: Random, bench: Bench) -> Activate:
    """Mostly an ASID of no one's."""
    sockets = bench.processor.firmware.environment.topology.sockets
    asid = rng.choice((*WIDE, 0)) if likely(rng, 0.05) else rng.choice(GUESTS)
    return Activate(a_context(rng, bench), asid, sockets > 1)


def draw_activate_ex(rng: Random, bench: Bench) -> ActivateEx:
    """On one core complex or both."""
    return ActivateEx(
        context=a_context(rng, bench),
        asid=rng.choice((*WIDE, 0)) if likely(rng, 0.05) else rng.choice(GUESTS),
        length_valid=not likely(rng, RARELY),
        reserved=reserved(rng),
        list_forbidden=False,
        list_valid=not likely(rng, RARELY),
        ccxs=rng.choice((1, 2, 3)),
        supported=True,
        several_sockets=False,
    )


def draw_launch_finish(rng: Random, bench: Bench) -> LaunchFinish:
    """Without an ID block."""
    nowhere = page_address(bench, 0x2000_0000)
    identity = IdBlock(nowhere, nowhere, 0, 0, 0, 0, 0, False, False, False, False)
    return LaunchFinish(
        a_context(rng, bench), False, likely(rng), likely(rng), rng.choice((0, 77)), reserved(rng), identity
    )


def draw_decommission(rng: Random, bench: Bench) -> Decommission:
    """Rarely: a guest should live a while."""
    return Decommission(a_page_that(rng, bench, is_context, chance=0.3))


DRAWS: dict[str, Any] = {
    "gctx_create": draw_gctx_create,
    "launch_start": draw_launch_start,
    "activate": draw_activate,
    "activate_ex": draw_activate_ex,
    "launch_finish": draw_launch_finish,
    "decommission": draw_decommission,
    "df_flush": lambda _rng, _bench: DfFlush(),
    "wbinvd": lambda rng, _bench: Wbinvd(rng.randrange(3)),
    "snp_config": lambda rng, _bench: SnpConfig(likely(rng, RARELY), likely(rng), likely(rng, 0.5)),
}
