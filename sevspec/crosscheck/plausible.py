"""A solver's states and operands, as some machine can have them: it chooses numbers that no processor has."""

from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.command_draws import contents_of
from sevspec.crosscheck.concretisation import Inexpressible
from spec.features import MILAN, Platform
from spec.firmware.activate_ex import ActivateEx
from spec.firmware.command import PageAddress
from spec.firmware.guest_status import GuestStatus
from spec.firmware.keys import fresh_keys_remain
from spec.firmware.launch_update import LaunchUpdate
from spec.firmware.page_set_state import PageSetState
from spec.firmware.platform_status import FeatureInfo, PlatformStatus
from spec.firmware.range_list import MAX_RANGES, NO_WALK
from spec.firmware.state import BOOTED, MAX_CCX, CcxAsid, GuestContext
from spec.knobs import EntryCheckOrder, FullMask, HostInstruction
from spec.record import fields_of, is_record, replace
from spec.rmp.authority import page_of
from spec.rmp.vmrun import Vmrun
from spec.system.state import System
from spec.vocabulary import INVALID_ASID, PAGE_SHIFT, VMPLS, GuestState

FAR_AWAY = 0x5A_5000_0000
ELSEWHERE = 0x77_7000
"""Where a list of ranges lies if the solver has put it into the page that it names."""

TAKEN = (CcxAsid.ALLOCATED, CcxAsid.IN_USE)
"""States of an ASID on a core complex that some guest has."""
PAGE_END = 0xFF8
"""An offset from which no answer fits its page."""


def plausible(system: System) -> System:
    """The same state on a platform that can be built, with firmware that this machine has."""
    firmware, platform = system.firmware, plausible_platform(system.platform)
    if any(slot < MAX_CCX and code in TAKEN for slot, code in firmware.ccx_asids.changed()):
        raise Inexpressible("ASID 0 is the host's: no guest has it on a core complex")
    if not fresh_keys_remain(system):
        raise Inexpressible("identities of keys have run out, which keys do not")
    contexts = firmware.contexts
    for page, context in list(contexts.changed()):
        contexts = contexts.set(page, plausible_context(context, platform))
    firmware = replace(
        firmware,
        contexts=contexts,
        policy_bits=BOOTED.policy_bits,
        ccx_count=max(1, min(16, firmware.ccx_count)),
        walk=NO_WALK,
    )
    return replace(system, platform=platform, firmware=firmware)


def plausible_platform(platform: Platform) -> Platform:
    """Knobs have answers, masks are rows of ones, and there are four VMPLs at most."""
    knobs = platform.knobs
    knobs = replace(
        knobs,
        rmpupdate_order=knobs.rmpupdate_order % len(EntryCheckOrder),
        host_instruction=knobs.host_instruction % len(HostInstruction),
        full_mask=knobs.full_mask % len(FullMask),
    )
    highest = min(platform.max_asid, INVALID_ASID - 1)
    mask = max((1 << platform.gfn_mask.bit_length()) - 1, MILAN.gfn_mask)
    levels = min(platform.vmpl_count, len(VMPLS))
    return replace(platform, knobs=knobs, vmpl_count=levels, gfn_mask=mask, max_asid=highest)


def plausible_context(context: GuestContext, platform: Platform) -> GuestContext:
    """Fields that have no meaning are 0."""
    if context.asid > platform.max_asid:
        raise Inexpressible("a guest has an ASID that the processor has not")
    return replace(
        context,
        state=context.state % len(GuestState),
        activated=context.activated and context.asid != 0 and context.state == GuestState.RUNNING,
        policy=context.policy & BOOTED.policy_bits,
        ma_context=context.ma_context if context.ma_bound else 0,
        guest_svn=context.guest_svn if context.id_block_enabled else 0,
    )


def apart(op: Any, special: set[int]) -> Any:
    """The same operands, with no ordinary address in the page of a special one: a page has one place in memory."""
    if isinstance(op, PageAddress):
        ordinary = not (op.in_rmp or op.forbidden) and op.page in special
        return replace(op, spa=op.spa ^ FAR_AWAY) if ordinary else op
    if isinstance(op, Vmrun) and op.pages.vmcb >> PAGE_SHIFT == op.pages.vmsa >> PAGE_SHIFT:
        # The VMSA that a legacy guest does not have can be anywhere.
        moved = "vmcb" if op.pages.sev_es else "vmsa"
        return replace(op, pages=replace(op.pages, **{moved: getattr(op.pages, moved) ^ ELSEWHERE}))
    if isinstance(op, ActivateEx):
        op = replace(op, supported=True, several_sockets=False, list_forbidden=False)
    if isinstance(op, PageSetState):
        at = op.list_address
        listed = (op.ranges[number] for number in range(min(op.count, MAX_RANGES)))
        inside = any(0 <= at.page - page_of(each.base) < each.page_count for each in listed)
        return replace(op, list_address=replace(at, spa=at.spa ^ ELSEWHERE)) if inside else op
    if is_record(type(op)):
        parts = {field.name: apart(part, special) for field, part in zip(fields_of(type(op)), op, strict=True)}
        return replace(op, **parts)
    return op


def adapted(bench: Bench, op: Any) -> Any:
    """Operands that say what the machine's pages hold: no page has a given digest."""
    if isinstance(op, LaunchUpdate):
        contents = contents_of(bench, op.page.spa, op.page_type, large=bool(op.page_size))
        return replace(op, contents=contents, cpuid_malformed=False, cpuid_unsafe=False)
    if isinstance(op, ActivateEx):
        return replace(op, ccxs=op.ccxs & ((1 << bench.system.firmware.ccx_count) - 1))
    if isinstance(op, (GuestStatus, PlatformStatus)) and op.crosses_page:
        return replace(op, answer=replace(op.answer, spa=op.answer.spa | PAGE_END))
    if isinstance(op, FeatureInfo) and op.misplaced:
        return replace(op, answer=replace(op.answer, spa=op.answer.spa | PAGE_END))
    return op
