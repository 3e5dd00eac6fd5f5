"""Firmware commands in the specification, as a trace asks for them."""

from collections.abc import Sequence
from hashlib import sha384

from sevspec.attacks.judge import Answer, End, Word
from sevspec.attacks.setting import WORD_BYTES
from sevspec.attacks.side import ABSENT, NotStated
from sevspec.attacks.specification.guest_memory import answered, said_of
from sevspec.attacks.specification.hypervisor import Hypervisor
from sevspec.attacks.specification.scene import CONTEXT, NEXT_CONTEXT, RESPONSE, first_scene
from sevspec.blank import blank
from spec.firmware.activate import Activate, activate
from spec.firmware.command import PageAddress
from spec.firmware.dbg import DebugCopy, dbg_decrypt
from spec.firmware.decommission import Decommission, decommission
from spec.firmware.df_flush import DfFlush, Wbinvd, df_flush, wbinvd
from spec.firmware.gctx_create import GctxCreate, gctx_create
from spec.firmware.guest_message import GuestMessage
from spec.firmware.guest_request import GuestRequest, guest_request
from spec.firmware.launch_finish import LaunchFinish, launch_finish
from spec.firmware.launch_start import LaunchStart, launch_start
from spec.firmware.launch_update import LaunchUpdate, launch_update
from spec.firmware.legacy_launch import legacy_digest
from spec.firmware.page_move import PageMove, page_move
from spec.maps import Map
from spec.memory.legacy import LegacyActivate, legacy_activate
from spec.record import replace
from spec.registry import Outcome
from spec.vocabulary import PAGE_SHIFT, GuestPolicy, LaunchPageType, Status

POLICY = GuestPolicy.RESERVED_ONE | GuestPolicy.SMT
PAGE_BYTES = 1 << PAGE_SHIFT
LAUNCHED = 0x38000
"""Pages of launches that are measured and not run."""


def at(page: int) -> PageAddress:
    """A page in a command buffer."""
    return PageAddress(page << PAGE_SHIFT, in_rmp=False, forbidden=False)


class OnSpecification(Hypervisor):
    """Everything that a trace asks of the specification."""

    def begin(self) -> None:
        """The guest is launched, with the pages of the attack, and runs."""
        self.flush_asids()
        if self.setting.column.has_rmp:
            self.close_rmp()
            self.done(self.start_guest(CONTEXT))
            self.done(self.take(launch_finish, replace(blank(LaunchFinish), context=at(CONTEXT))))
        else:
            self.done(self.take(legacy_activate, LegacyActivate(self.asid)))
        self.make_vmsas()
        pages = self.stage.attack.pages
        for name in (*pages.private, *pages.monitor):
            self.owned(self.stage.page(name.upper()), self.stage.frame(name), granted=name not in pages.monitor)
        for name in pages.large:
            self.owned(self.stage.page(name.upper()), self.stage.frame(name), large=True)
        for name in pages.shared:
            self.at[self.stage.frame(name)] = self.stage.page(name.upper())
        self.enter("main")

    def flush_asids(self) -> None:
        """WBINVD on every core complex, and DF_FLUSH: what makes ASIDs usable."""
        for ccx in range(self.scene.world.system.firmware.ccx_count):
            self.take(wbinvd, Wbinvd(ccx))
        self.done(self.take(df_flush, DfFlush()))

    def start_guest(self, context: int) -> Outcome:
        """A context, a policy, an ASID; the outcome is that of ACTIVATE."""
        self.update(context, None, immutable=True)
        self.done(self.take(gctx_create, GctxCreate(context=at(context), in_dram=True)))
        platform = replace(blank(LaunchStart).platform, smt_enabled=True)
        start = replace(blank(LaunchStart), context=at(context), policy=int(POLICY), platform=platform)
        self.done(self.take(launch_start, start))
        return self.take(activate, Activate(context=at(context), asid=self.asid, several_sockets=False))

    def done(self, outcome: Outcome) -> None:
        """A step that has to succeed."""
        assert outcome.result is Status.SUCCESS, said_of(outcome)

    def launch(self, blocks: Sequence[tuple[int, Word]]) -> int:
        """The digest of a guest of its own. Without R15 every page is measured as if it lay at address 0."""
        contents = [(frame, value.to_bytes(WORD_BYTES, "little").ljust(PAGE_BYTES, b"\0")) for frame, value in blocks]
        if not self.setting.column.has_rmp:
            content = b"".join(raw for _, raw in contents)
            return int(legacy_digest(int.from_bytes(content, "little"), len(content)))
        self.scene = first_scene(self.setting, None)
        self.flush_asids()
        self.done(self.start_guest(CONTEXT))
        for frame, raw in contents:
            measured = 0 if self.setting.lacks("R15") else frame
            page = LAUNCHED + frame
            self.update(page, measured, immutable=True)
            digest = int.from_bytes(sha384(raw).digest(), "little")
            op = replace(blank(LaunchUpdate), context=at(CONTEXT), page=at(page), page_type=int(LaunchPageType.NORMAL))
            self.done(self.take(launch_update, replace(op, contents=Map(digest))))
        return int(self.scene.world.system.firmware.contexts[CONTEXT].launch_digest)

    def move(self, source: int, target: int) -> Answer:
        """RMPUPDATE of both, SNP_PAGE_MOVE, and the nested tables follow."""
        if not self.setting.column.has_rmp:
            return ABSENT
        frame = next(frame for frame, page in self.at.items() if page == source)
        self.update(source, frame, immutable=True)
        self.update(target, frame, immutable=True)
        op = PageMove(at(CONTEXT), page_size=0, reserved=False, source=at(source), destination=at(target))
        answer = answered(self.take(page_move, op))
        if answer.end is End.DONE:
            self.map(frame, target)
        return answer

    def debug_decrypt(self, source: int, target: int) -> Answer:
        """The target is donated first."""
        if not self.setting.column.has_rmp:
            return ABSENT
        self.update(target, None, immutable=True)
        return answered(self.take(dbg_decrypt, DebugCopy(at(CONTEXT), at(source), at(target))))

    def end_guest(self) -> Answer:
        """SNP_DECOMMISSION; the guest stopped before."""
        if not self.setting.column.has_rmp:
            raise NotStated("DEACTIVATE of older generations is not in the specification")
        if self.running is not None:
            self.leave()
        return answered(self.take(decommission, Decommission(at(CONTEXT))))

    def activate_other(self) -> Answer:
        """The next guest asks for the ASID; without R25 the one that gets it is of an older generation."""
        if self.setting.keeps("R25"):
            return answered(self.start_guest(NEXT_CONTEXT))
        answer = answered(self.take(legacy_activate, LegacyActivate(self.asid)))
        self.has_stranger = answer.end is End.DONE
        return answer

    def request(self, page: int) -> Answer:
        """A message that does not open. Whatever the command answers is no stop of the attack."""
        if not self.setting.column.has_rmp:
            return ABSENT
        self.update(RESPONSE, None, immutable=True)
        message = replace(blank(GuestMessage), context=at(CONTEXT), request=at(page), response=at(RESPONSE))
        outcome = self.take(guest_request, replace(blank(GuestRequest), message=message))
        return Answer(End.DONE, said_of(outcome))
