"""The guest's handlers of events that a hypervisor injected, as far as an attack needs them."""

from impl.decode.decoder import decode
from impl.vc.admission import require_admitted
from impl.vc.outcome import Refused
from sevspec.attacks.judge import Answer, End
from sevspec.attacks.player import Player
from sevspec.attacks.setting import word
from sevspec.attacks.side import ABSENT
from sevspec.attacks.trace import Step

VC, LEGACY_SYSTEM_CALL = 29, 0x80
MSR_EXIT = 0x7C
"""The forged exit code: WRMSR or RDMSR, whose handler hands registers over."""
AT_RIP = bytes.fromhex("4889c3")
"""What the guest was about to execute: mov rbx, rax."""
SYSTEM_CALL_RESULT = "result of a system call that nobody made"


def handle(player: Player, step: Step) -> Answer:
    """By the vector."""
    vector = player.side.delivered()
    if vector is None:
        return Answer(End.DONE, "nothing to handle")
    return handle_vc(player, step) if vector == VC else handle_system_call(player)


def handle_vc(player: Player, step: Step) -> Answer:
    """#VC for an MSR. The careful handler compares the instruction at RIP with the exit code (S5)."""
    if not player.setting.encrypts_registers:
        return ABSENT
    if player.setting.keeps("S5"):
        try:
            require_admitted(MSR_EXIT, decode(AT_RIP))
        except Refused as refused:
            return player.refused(Answer(End.DETECT, f"the handler refuses: {refused.refusal.name}; the guest ends"))
    ghcb = player.stage.frame(step.operands[0])
    return player.side.store(player.who(step), ghcb, player.saved, shared=True)


def handle_system_call(player: Player) -> Answer:
    """Vector 80h is the legacy system call; the careful kernel knows an interrupt from the instruction INT (S16)."""
    if player.setting.keeps("S16"):
        return player.refused(Answer(End.DETECT, "an interrupt is no INT 80h; the kernel ends the guest"))
    result = word(SYSTEM_CALL_RESULT)
    player.judge.resumed(result, player.saved)
    answer = player.side.compute(result)
    return Answer(answer.end, f"the process goes on, and {answer.said}")
