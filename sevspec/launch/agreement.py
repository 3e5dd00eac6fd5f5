"""What must be equal besides results and RMP entries: the guest's context, its digest, the content of its pages."""

from impl.firmware.guest_context import Activation, GuestContext
from impl.hypervisor.pages import LaunchPage
from sevspec.launch.placement import ASID, CONTEXT, PAGE_BYTES
from sevspec.launch.twins import Disagreement, Twins
from spec.firmware.launched_page import LaunchedContent
from spec.vocabulary import PAGE_SHIFT, GuestState, LaunchPageType

DIGEST_BYTES = 48
FRAME = CONTEXT >> PAGE_SHIFT


def guest(twins: Twins) -> GuestContext:
    """The machine's guest."""
    return twins.processor.firmware.contexts[FRAME]


def same_digest(twins: Twins, name: str) -> None:
    """The digest so far: a little-endian number there, bytes here."""
    expected = twins.system.firmware.contexts[FRAME].launch_digest.to_bytes(DIGEST_BYTES, "little")
    got = guest(twins).launch_digest
    if expected != got:
        raise Disagreement(name, "launch digest", expected.hex(), got.hex())


def same_guest(twins: Twins, name: str) -> None:
    """State, ASID, policy and digest of the guest."""
    context, got = twins.system.firmware.contexts[FRAME], guest(twins)
    expected = (GuestState(context.state), context.asid, context.policy, context.activated)
    if expected != (found := (got.state, got.asid, got.policy, got.activation is Activation.ACTIVE)):
        raise Disagreement(name, "guest state, ASID, policy, runnable", expected, found)
    same_digest(twins, name)


def same_content(twins: Twins, page: LaunchPage, spa: int, content: LaunchedContent) -> None:
    """What the guest finds in the page, through its key. Firmware's own words, in VMSA and secrets, are no rule's."""
    if page.page_type in (LaunchPageType.VMSA, LaunchPageType.SECRETS):
        return
    expected = bytes(PAGE_BYTES) if content is LaunchedContent.ZEROS else page.content
    if twins.machine.memory.read(spa, PAGE_BYTES, ASID) != expected:
        raise Disagreement(f"SNP_LAUNCH_UPDATE of {spa:#x}", "content", content.name, "something else")
