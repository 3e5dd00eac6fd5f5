"""Initial states of the protocol's exchanges, as steps from anywhere; see `proofs/initial.py`."""

from spec.ghcb.host_state import HostExchange, HostRules, HostStage
from spec.ghcb.msr_host import sev_info
from spec.ghcb.msr_state import Moment, MsrExchange, MsrStage
from spec.record import record, replace
from spec.registry import Outcome, transition
from spec.vc.state import HandlerRules, VcExchange
from spec.vocabulary import Actor, Event, Evidence


@transition(actor=Actor.HARDWARE, manual='GHCB (56421), "GHCB MSR Protocol"')
def msr_reset(exchange: MsrExchange, op: Moment) -> Outcome:  # noqa: ARG001 - every step has operands
    """A virtual processor begins: its MSR holds SEV information, and its guest has learned nothing."""
    guest = replace(exchange.guest, version=0, features_known=False, has_page=False, registered=False, stopped=False)
    host = replace(exchange.host, registered=False)
    begun = replace(exchange, msr=sev_info(host), stage=MsrStage.IDLE, guest=guest, host=host)
    return Outcome(Event.COMPLETES, "started", begun, Evidence.AGREED)


@record
class VcReset:
    """Which rules the handler keeps."""

    rules: HandlerRules


@transition(actor=Actor.HARDWARE, manual="APM Vol. 2, 15.35.5")
def vc_reset(exchange: VcExchange, op: VcReset) -> Outcome:
    """A handler is installed, with its page; everything else is as it may be."""
    ghost = replace(exchange.ghost, frame_on_users_stack=False, frame_lost=False)
    begun = replace(exchange, depth=0, stopped=False, rules=op.rules, ghost=ghost)
    return Outcome(Event.COMPLETES, "started", begun, Evidence.INFERRED)


@record
class HostReset:
    """Which rules the host keeps."""

    rules: HostRules


@transition(actor=Actor.HARDWARE, manual='GHCB (56421), "VMGEXIT"')
def host_reset(exchange: HostExchange, op: HostReset) -> Outcome:
    """A virtual processor begins to run; its page and everything else is as it may be."""
    ghost = replace(exchange.ghost, out_of_bounds=False)
    begun = replace(exchange, stage=HostStage.RUNNING, rules=op.rules, ghost=ghost)
    return Outcome(Event.COMPLETES, "started", begun, Evidence.INFERRED)
