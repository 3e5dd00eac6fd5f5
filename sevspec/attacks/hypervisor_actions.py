"""The words of the hypervisor, of devices, firmware and verifiers, in terms of what a side can do."""

from collections.abc import Callable

from sevspec.attacks.judge import Answer, End
from sevspec.attacks.player import DONE, OTHER, Player
from sevspec.attacks.setting import FIRMWARE, HYPERVISOR, NOTHING, word
from sevspec.attacks.trace import Step

FLIP = "^1"
BLOCK = " at "


def looked(player: Player, step: Step, answer: Answer) -> Answer:
    """The hypervisor saw something, and keeps it."""
    player.judge.saw_ciphertext = True
    if answer.value is not None:
        player.judge.seen(answer.value)
    if step.result:
        player.kept[step.result] = answer.kept
    return answer


def ct_read(player: Player, step: Step) -> Answer:
    """Read memory."""
    name = step.operands[0]
    if name == "VMSA":
        return looked(player, step, player.side.observe_vmsa())
    return looked(player, step, player.side.observe(player.stage.page(name)))


def content(player: Player, name: str, step: Step) -> object:
    """What was read before, that with a bit flipped, or a value: `v@A>B` becomes v once it is moved from A to B."""
    if name in player.kept:
        return player.kept[name]
    if name.endswith(FLIP):
        return player.side.flipped(player.kept[name.removesuffix(FLIP)])
    value, _, move = name.partition("@")
    number = player.value(value, step)
    if not move:
        return number
    source, _, target = move.partition(">")
    return number ^ player.side.difference(player.stage.page(source), player.stage.page(target))


def raw_write(player: Player, step: Step) -> Answer:
    """Write memory."""
    page, name = step.operands
    return player.refused(player.side.overwrite(player.stage.page(page), content(player, name, step)))


def compare(player: Player, step: Step) -> Answer:
    """The first and the last of three are of equal values, the second is not."""
    if "X-cteq" not in player.setting.relax:
        return Answer(End.DONE, "nothing is learned: that ciphertexts are compared is not assumed (X-cteq)")
    first, second, third = (player.kept[name] for name in step.operands)
    alike, unlike = player.side.alike(first, third), not player.side.alike(first, second)
    player.judge.likenesses(alike, unlike)
    said = "equal values look alike, different ones do not" if alike and unlike else "they tell nothing"
    return Answer(End.DONE, said)


def npt(player: Player, step: Step) -> Answer:
    """Lead a guest address elsewhere; a guest that stands there goes on."""
    name, page, *quietly = step.operands
    frame = player.stage.frame(name)
    if player.stands_at == frame and page != NOTHING:
        player.stands_at = None
    return player.side.map(frame, None if page == NOTHING else player.stage.page(page), flush=not quietly)


def rmpupdate(player: Player, step: Step) -> Answer:
    """RMPUPDATE. Where there is no RMP nothing has to be asked."""
    page, owner = step.operands
    frame = None if owner in (HYPERVISOR, FIRMWARE) else player.stage.frame(owner)
    return player.refused(player.side.assign(player.stage.page(page), frame, to_firmware=owner == FIRMWARE))


def psmash(player: Player, step: Step) -> Answer:
    """PSMASH."""
    return player.refused(player.side.split(player.stage.page(step.operands[0])))


def force_exit(player: Player, _step: Step) -> Answer:
    """Stop the guest."""
    return player.side.leave()


def vmrun(player: Player, step: Step) -> Answer:
    """Let a virtual processor go on; with other registers than it had, it is not its own any more."""
    if step.operands:
        player.running = OTHER
        return player.refused(player.side.enter(OTHER))
    answer = player.refused(player.side.enter(player.running))
    if answer.value is not None:
        player.judge.resumed(answer.value, player.saved)
    if answer.end is End.DONE and player.injected and player.side.delivered() is None:
        answer = player.refused(Answer(End.IGNORED, f"{answer.said}; the event in the VMCB is not looked at"))
    player.injected = False
    return answer


def inject(player: Player, step: Step) -> Answer:
    """An event for the next VMRUN."""
    vector, kind = step.operands
    player.injected = True
    return player.side.inject(int(vector, 16), exception=kind == "exception")


def vmcb_get(player: Player, step: Step) -> Answer:
    """Look at saved registers."""
    return looked(player, step, player.side.saved_register())


def vmcb_set(player: Player, step: Step) -> Answer:
    """Change them."""
    return player.refused(player.side.change_saved(player.value(step.operands[0], step)))


def attacker_asid(_player: Player, _step: Step) -> Answer:
    """A field of the attacker's own VMCB: nobody objects before VMRUN."""
    return DONE


def attacker_walk(player: Player, step: Step) -> Answer:
    """VMRUN under the borrowed ASID."""
    answer = player.refused(player.side.borrow_asid(player.stage.page(step.operands[0])))
    return looked(player, step, answer) if answer.end is End.DONE else answer


def rmp_open(player: Player, _step: Step) -> Answer:
    """While SNP_INIT runs."""
    return player.refused(player.side.open_rmp(before=False))


def rmp_prefill(player: Player, _step: Step) -> Answer:
    """Before it."""
    return player.refused(player.side.open_rmp(before=True))


def rmp_write(player: Player, step: Step) -> Answer:
    """Store to an entry's memory."""
    page, owner = step.operands
    frame = None if owner == HYPERVISOR else player.stage.frame(owner)
    return player.refused(player.side.write_entry(player.stage.page(page), frame))


def on_page(name: str) -> Callable[[Player, Step], Answer]:
    """An action that names one page and nothing else."""

    def action(player: Player, step: Step) -> Answer:
        answer: Answer = getattr(player.side, name)(player.stage.page(step.operands[0]))
        return player.refused(answer)

    return action


def dma(player: Player, step: Step) -> Answer:
    """A device, or the IOMMU itself, writes."""
    page, value = step.operands
    return player.refused(player.side.dma(player.stage.page(page), player.value(value, step)))


def launch(player: Player, step: Step) -> Answer:
    """Blocks at addresses, in this order: what is launched, and its digest."""
    pairs = [operand.split(BLOCK) for operand in step.operands]
    frames = {name: 0x900 + index for index, name in enumerate(sorted(place for _, place in pairs))}
    blocks = [(frames[place], word(block)) for block, place in pairs]
    digest = player.side.launch(blocks)
    player.kept[step.result] = (digest, dict(blocks))
    return Answer(End.DONE, f"digest {digest & 0xFFFFFFFF:08x}…")


def compare_digests(player: Player, step: Step) -> Answer:
    """A verifier compares the digest with the one that it expects."""
    (expected, meant), (digest, got) = (_launched(player, name) for name in step.operands)
    if digest != expected:
        return player.refused(Answer(End.DETECT, "the digest is not the expected one; the verifier refuses"))
    if meant != got:
        player.judge.forged()
    return Answer(End.DONE, "the digest is the expected one")


def _launched(player: Player, name: str) -> tuple[int, dict[int, int]]:
    launched = player.kept[name]
    assert isinstance(launched, tuple), "only launches are compared so"
    digest, content_at = launched
    return digest, content_at


def move(player: Player, step: Step) -> Answer:
    """SNP_PAGE_MOVE."""
    source, target = map(player.stage.page, step.operands)
    return player.refused(player.side.move(source, target))


def debug_decrypt(player: Player, step: Step) -> Answer:
    """SNP_DBG_DECRYPT."""
    source, target = map(player.stage.page, step.operands)
    return player.refused(player.side.debug_decrypt(source, target))


def end_guest(player: Player, _step: Step) -> Answer:
    """The ASID loses its guest."""
    player.ended = True
    return player.refused(player.side.end_guest())


def activate_other(player: Player, _step: Step) -> Answer:
    """The ASID gets another."""
    return player.refused(player.side.activate_other())


def guest_request(player: Player, step: Step) -> Answer:
    """A command that firmware refuses; that is no stop of the attack."""
    return player.side.request(player.stage.page(step.operands[0]))


HYPERVISOR_ACTIONS: dict[str, Callable[[Player, Step], Answer]] = {
    **{
        action.__name__: action
        for action in (
            *(ct_read, raw_write, compare, npt, rmpupdate, psmash, force_exit, vmrun, inject, vmcb_get, vmcb_set),
            *(attacker_asid, attacker_walk, rmp_open, rmp_prefill, rmp_write, dma, launch, compare_digests),
            *(move, debug_decrypt, end_guest, activate_other, guest_request),
        )
    },
    **{name: on_page(name) for name in ("write_back", "drop", "evict")},
}
