"""Platforms and guests at each stage of their lives, and the steps that lead from one to the next."""

from collections.abc import Callable
from typing import Any

from spec.firmware.activate import Activate
from spec.firmware.guest_message import GuestMessage
from spec.firmware.launch_start import LaunchStart
from spec.firmware.policy import LaunchPlatform
from spec.firmware.state import EMPTY_CONTEXT, CcxAsid, GuestContext
from spec.record import replace
from spec.registry import Outcome
from spec.system.state import System
from spec.vocabulary import GuestPolicy, GuestState, PlatformState, Status
from tests.spec.firmware.pages import ASID, CONTEXT_PAGE, FIRMWARE, Case, at, early, every_check, world

POLICY = GuestPolicy.RESERVED_ONE | GuestPolicy.SMT
NEW_GUEST = replace(EMPTY_CONTEXT, vek=8)
LAUNCHING = replace(NEW_GUEST, state=GuestState.LAUNCH, policy=POLICY, oek=7, vmpcks=9, vmrk=10, report_id=11)
BOUND = replace(LAUNCHING, asid=ASID)
RUNNING = replace(BOUND, state=GuestState.RUNNING, activated=True)
REQUEST_PAGE = 0x500
RESPONSE_PAGE = 0x501

PLATFORM = LaunchPlatform(
    smt_enabled=True, cxl_present=False, aes_256_xts=False, rapl_disabled=False, ciphertext_hiding=False
)
START = LaunchStart(
    context=at(CONTEXT_PAGE),
    policy=POLICY,
    agent=at(0),
    agent_enabled=False,
    imi_enabled=False,
    reserved=False,
    platform=PLATFORM,
)
ACTIVATE = Activate(context=at(CONTEXT_PAGE), asid=ASID, several_sockets=False)
MESSAGE = GuestMessage(
    context=at(CONTEXT_PAGE),
    request=at(REQUEST_PAGE),
    response=at(RESPONSE_PAGE),
    header_version=1,
    header_size=0x60,
    algorithm=1,
    size=0x60,
    vmpck=0,
    version=1,
    sequence=1,
    sealed_under=RUNNING.vmpcks,
    response_fits=True,
)
WITHOUT_RESERVED = early()[1:]
"""The refusals in front of a command whose only reserved bits are those of GCTX_PADDR."""


def with_firmware(system: System, **changes: Any) -> System:
    return replace(system, firmware=replace(system.firmware, **changes))


def with_slots(system: System, asid: int, state: int) -> System:
    """The ASID is in one state on every core complex."""
    slots = system.firmware.ccx_asids.set_range(asid << 4, 16, lambda _: state)
    return with_firmware(system, ccx_asids=slots)


def slots(system: System, asid: int = ASID) -> list[int]:
    """The states of an ASID on the core complexes that are present."""
    return [system.firmware.ccx_asids[(asid << 4) + ccx] for ccx in range(system.firmware.ccx_count)]


def with_context(system: System, page: int, context: GuestContext) -> System:
    return with_firmware(system, contexts=system.firmware.contexts.set(page, context))


def stage(guest: GuestContext, state: int = CcxAsid.CLEAN) -> System:
    """SNP initialised, the guest in `CONTEXT_PAGE`, its ASID in one state everywhere; request and response pages."""
    system = world({RESPONSE_PAGE: FIRMWARE}, guest)
    system = with_slots(system, ASID, state)
    return with_firmware(system, asid_runnable=system.firmware.asid_runnable.set(ASID, guest.activated), next_key=20)


def uninitialised_platform() -> System:
    return with_firmware(world({}), state=PlatformState.UNINIT)


def numbers(context: GuestContext) -> list[int]:
    """The message counts of the four VMPCKs."""
    counts = context.message_counts
    return [counts.vmpck0, counts.vmpck1, counts.vmpck2, counts.vmpck3]


def answer_of(outcome: Outcome) -> tuple[Status, str]:
    """What the guest is told, and by which check."""
    return Status(outcome.output.status), outcome.check


def assert_every_check_has_a_case(
    transition: Callable[..., Outcome], cases: tuple[Case, ...], *others: tuple[Any, str]
) -> None:
    """The cases, with the results named here, are all that the transition can say."""
    assert {(case.result, case.check) for case in cases} | set(others) == every_check(transition)


def assert_told(transition: Callable[..., Outcome], system: System, op: Any, case: Case) -> None:
    """The command succeeds; the guest is told the case's status; nothing but the message count changes."""
    spoiled = case.system(system)
    outcome = transition(spoiled, replace(op, **case.op))
    assert outcome.result == Status.SUCCESS
    assert answer_of(outcome) == (case.result, case.check)
    before, after = (each.firmware.contexts[CONTEXT_PAGE] for each in (spoiled, outcome.system))
    assert sum(numbers(after)) == sum(numbers(before)) + 2
    restored = replace(after, message_counts=before.message_counts)
    assert with_context(outcome.system, CONTEXT_PAGE, restored) == spoiled
