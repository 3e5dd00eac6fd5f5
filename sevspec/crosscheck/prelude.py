"""Guests to begin with: a few compared steps, so that a short walk reaches what only a launched guest can do."""

from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.command_draws import contents_of
from sevspec.crosscheck.draws import CONTEXT_PAGES, PAGES, frame_for, likely
from sevspec.crosscheck.mailbox import page_address
from sevspec.crosscheck.operands import take
from spec.firmware.activate import Activate, activate
from spec.firmware.df_flush import DfFlush, Wbinvd, df_flush, wbinvd
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.firmware.id_block import IdBlock
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_start import LaunchStart, launch_start
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.policy import LaunchPlatform
from spec.rmp.cpu import HOST_CPU
from spec.rmp.rmpupdate import rmpupdate
from spec.rmp.rmpupdate_operand import RmpUpdate
from spec.vocabulary import PAGE_SHIFT, LaunchPageType

POLICIES = (0x3_0000, 0xB_0000, 0x7_0000)


def give(bench: Bench, page: int, asid: int, *, immutable: bool) -> None:
    """RMPUPDATE of one page."""
    gpa = frame_for(page) << PAGE_SHIFT if asid else 0
    steps: dict[str, Any] = {"region_status": False, "reserved": False, "contended": False, "overlap_contended": False}
    update = RmpUpdate(HOST_CPU, page << PAGE_SHIFT, gpa, True, 0, immutable=immutable, asid=asid, **steps)
    take(bench, rmpupdate, update)


def start_guests(rng: Random, bench: Bench) -> None:
    """Up to two guests, in launch or running, some of their pages launched."""
    for ccx in bench.processor.firmware.environment.topology.ccxs:
        take(bench, wbinvd, Wbinvd(ccx))
    take(bench, df_flush, DfFlush())
    for asid, page in zip((1, 2), CONTEXT_PAGES, strict=True):
        if likely(rng, 0.8):
            start_guest(rng, bench, asid, page)


def start_guest(rng: Random, bench: Bench, asid: int, page: int) -> None:
    """One guest, with this ASID, its context in this page."""
    context, nowhere = page_address(bench, page << PAGE_SHIFT), page_address(bench, 0)
    give(bench, page, 0, immutable=True)
    take(bench, gctx_create, GctxCreate(context, True))
    platform = LaunchPlatform(bench.processor.firmware.environment.topology.smt_enabled, False, False, False, False)
    take(bench, launch_start, LaunchStart(context, rng.choice(POLICIES), nowhere, False, False, False, platform))
    sockets = bench.processor.firmware.environment.topology.sockets
    take(bench, activate, Activate(context, asid, sockets > 1))
    for page_type in (LaunchPageType.NORMAL, LaunchPageType.VMSA):
        if likely(rng, 0.6):
            launch_page(rng, bench, context, asid, int(page_type))
    if likely(rng, 0.5):
        identity = IdBlock(nowhere, nowhere, 0, 0, 0, 0, 0, False, False, False, False)
        take(bench, launch_finish, LaunchFinish(context, False, False, False, 0, False, identity))


def launch_page(rng: Random, bench: Bench, context: Any, asid: int, page_type: int) -> None:
    """One page of the guest's launch image; whether it works depends on what stands there."""
    page = rng.choice(PAGES)
    give(bench, page, asid, immutable=True)
    spa = page << PAGE_SHIFT
    contents = contents_of(bench, spa, page_type, large=False)
    masks = (rng.choice((0, 3)), 0, 0)
    update = LaunchUpdate(context, page_address(bench, spa), 0, page_type, False, *masks, False, contents, False, False)
    take(bench, launch_update, update)
