"""What a guest brings along when it arrives from another chip (ABI, "Migration")."""

from spec.firmware.command import context_of
from spec.firmware.guest_message import GuestMessage
from spec.firmware.state import GuestContext
from spec.record import replace
from spec.system.state import System
from spec.vocabulary import GuestState


def with_guest(context: GuestContext, incoming: GuestContext) -> GuestContext:
    """The context with the incoming guest's digests, keys, counters, policy and metadata; its memory key is its own."""
    return replace(
        context,
        launch_digest=incoming.launch_digest,
        imi_digest=incoming.imi_digest,
        oek=incoming.oek,
        iv_count=incoming.iv_count,
        vmpcks=incoming.vmpcks,
        vmrk=incoming.vmrk,
        message_counts=incoming.message_counts,
        root_metadata=incoming.root_metadata,
        policy=incoming.policy,
        host_data=incoming.host_data,
    )


def arriving(system: System, message: GuestMessage, context: GuestContext, incoming: GuestContext) -> GuestContext:
    """The context with the guest in it, in RUNNING, identified as at home, and bound to the agent that sends it."""
    return replace(
        with_guest(context, incoming),
        state=GuestState.RUNNING,
        id_block_enabled=incoming.id_block_enabled,
        author_key_enabled=incoming.author_key_enabled,
        guest_svn=incoming.guest_svn,
        ma_bound=True,
        ma_context=message.context.page,
        report_id_ma=context_of(system, message.context).report_id,
    )
