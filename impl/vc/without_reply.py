"""Exits 76h, 89h, 8Ah and 8Bh: INVD, WBINVD, MONITOR and MWAIT, which bring nothing back.

APM Vol. 3, the instructions' pages; GHCB (56421), "WBINVD", "MONITOR/MONITORX", "MWAIT/MWAITX". What of this leaves the
guest is ours to choose (docs/open-questions.md, Q-66).
"""

from impl.decode.instruction import Instruction
from impl.vc.access import Machine
from impl.vc.outcome import DONE, Fault, Outcome, Refusal, Refused, Vector
from impl.vc.privilege import require_cpl_0


def invd(_machine: Machine, _: Instruction) -> Outcome:
    """Refused: implementations differ, and no guest needs it."""
    raise Refused(Refusal.INVD)


def wbinvd(machine: Machine, _: Instruction) -> Outcome:
    """WBINVD and WBNOINVD."""
    require_cpl_0(machine.vcpu)
    machine.exits.write_back_caches()
    return DONE


def monitor_mwait(machine: Machine, instruction: Instruction) -> Outcome:
    """Nothing is waited for, which the instructions allow, and no address leaves the guest.

    MONITOR and MWAIT are #UD above CPL 0, MONITORX and MWAITX are not.
    """
    if instruction.mnemonic in ("monitor", "mwait") and machine.vcpu.cpl != 0:
        raise Fault(Vector.UD)
    return DONE
