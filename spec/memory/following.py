"""How memory follows each step of the machine and of the careful guest: which text says what a step does to it."""

from spec.memory import careful_effects as careful
from spec.memory import launch_effects as launch
from spec.memory import page_effects as pages
from spec.memory import rmp_effects as rmp
from spec.memory import run_effects as run
from spec.memory.asking import as_own_vmsa, debuggable

FOLLOWING = {
    "rmpupdate": rmp.after_rmpupdate,
    "psmash": rmp.after_psmash,
    "virt_rmpupdate": rmp.after_virt_rmpupdate,
    "virt_psmash": rmp.after_virt_psmash,
    "pvalidate": rmp.after_pvalidate,
    "snp_init": rmp.after_start,
    "snp_init_ex": rmp.after_start,
    "activate": rmp.after_activate,
    "activate_ex": rmp.after_activate,
    "launch_update": launch.after_launch_update,
    "page_move": pages.after_page_move,
    "page_swap_out": pages.after_swap_out,
    "page_swap_in": pages.after_swap_in,
    "dbg_decrypt": pages.after_dbg_decrypt,
    "dbg_encrypt": pages.after_dbg_encrypt,
    "vmrun": run.after_vmrun,
    "vmexit": run.after_vmexit,
    "vmsave": run.after_vmsave,
    "careful_accept": careful.after_accepting,
    "careful_accept_later": careful.after_accepting,
    "careful_unvalidated": careful.after_accepting,
    "careful_rescind": careful.after_rescinding,
    "careful_share": careful.after_rescinding,
    "careful_adjust": careful.after_adjusting,
}
"""What a successful step does to memory; every other step leaves it alone."""
ACCEPTED = ("accepted",)
SUCCEEDS = {
    "dbg_decrypt": ("decrypted",),
    "dbg_encrypt": ("encrypted",),
    "vmsave": ("saved",),
    "careful_accept": ACCEPTED,
    "careful_accept_later": ACCEPTED,
    "careful_unvalidated": ACCEPTED,
    "careful_rescind": ("rescinded",),
    "careful_share": ("rescinded", "forgotten"),
    "careful_adjust": ("adjusted",),
}
"""The checks at which a step has succeeded; of every other step success is that it changes something."""
REFUSING = {"vmrun": run.refused_registers, "careful_adjust": careful.refused_grant}
"""Why a step that the machine would take is refused after all, by what memory holds."""
ASKED = {"vmrun": as_own_vmsa, "dbg_decrypt": debuggable, "dbg_encrypt": debuggable}
"""The machine that a step is asked of where a rule is switched off; see `spec/memory/asking.py`."""
