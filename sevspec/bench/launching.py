"""The launch of a 2 MiB image: on the machine alone, and on specification and machine with all comparisons."""

from dataclasses import dataclass
from time import perf_counter

from impl.firmware.buffers import ActivateBuffer, GuestContextBuffer
from impl.firmware.command_ids import CommandId
from impl.firmware.launch_buffers import LaunchFinishBuffer, LaunchStartBuffer, LaunchUpdateBuffer
from impl.firmware.layout import Layout
from impl.firmware.processor import SecurityProcessor
from impl.hypervisor.plan import LaunchPlan
from impl.machine import HOST, Machine
from impl.memory.agents import host_write
from impl.rmp.rmpupdate import rmpupdate
from impl.rmp.state_operand import StateOperand
from sevspec.checking.example import EXPECTED, FOLDER
from sevspec.launch.drive import launch
from sevspec.launch.placement import ASID, BUFFER, CONTEXT, OPERAND, guest_page
from sevspec.launch.request import Request, prepare
from sevspec.launch.steps import POLICY
from spec.vocabulary import PAGE_SHIFT, Eax, PageSize, Status

IMAGE = "debian-OVMF.fd"
REPEATS = 3


@dataclass(frozen=True)
class Times:
    """Seconds, the best of several repeats."""

    pages: int
    machine: float
    both: float


def launch_times() -> Times | None:
    """None where there is no example image."""
    if not EXPECTED.is_file():
        return None
    plan = prepare(Request(firmware=FOLDER / IMAGE, vcpus=1, vcpu_type="EPYC-v4")).plan
    machine = min(timed_alone(plan) for _ in range(REPEATS))
    both = min(timed_both(plan) for _ in range(REPEATS))
    return Times(len(plan.pages), machine, both)


def timed_both(plan: LaunchPlan) -> float:
    """Seconds of what `sevspec launch` does."""
    begun = perf_counter()
    launch(plan)
    return perf_counter() - begun


def timed_alone(plan: LaunchPlan) -> float:
    """Seconds from power-on to a running guest, host copies included."""
    begun = perf_counter()
    host = Host()
    host.command(CommandId.INIT)
    host.processor.wbinvd()
    host.command(CommandId.DF_FLUSH)
    host.assign(CONTEXT, 0, 0)
    host.command(CommandId.GCTX_CREATE, GuestContextBuffer(gctx_paddr=CONTEXT))
    host.command(CommandId.LAUNCH_START, LaunchStartBuffer(gctx_paddr=CONTEXT, policy=POLICY))
    host.command(CommandId.ACTIVATE, ActivateBuffer(gctx_paddr=CONTEXT, asid=ASID))
    for position, page in enumerate(plan.pages):
        spa = guest_page(position)
        host_write(host.machine, spa, page.content)
        host.assign(spa, ASID, page.gpa)
        buffer = LaunchUpdateBuffer(gctx_paddr=CONTEXT, page_type=page.page_type, page_paddr=spa)
        host.command(CommandId.LAUNCH_UPDATE, buffer)
    host.command(CommandId.LAUNCH_FINISH, LaunchFinishBuffer(gctx_paddr=CONTEXT))
    seconds = perf_counter() - begun
    assert host.processor.firmware.contexts[CONTEXT >> PAGE_SHIFT].launch_digest == launch(plan).measurement
    return seconds


class Host:
    """The host of one machine."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.processor = SecurityProcessor(self.machine)

    def command(self, command_id: int, buffer: Layout | None = None) -> None:
        """A firmware command that succeeds."""
        if buffer is not None:
            host_write(self.machine, BUFFER, buffer.pack())
        assert self.processor.command(command_id, BUFFER) is Status.SUCCESS

    def assign(self, spa: int, asid: int, gpa: int) -> None:
        """RMPUPDATE to an immutable page."""
        host_write(self.machine, OPERAND, StateOperand(gpa, True, PageSize.SIZE_4K, True, asid).pack())
        assert rmpupdate(self.machine, HOST, spa, OPERAND).result is Eax.SUCCESS
