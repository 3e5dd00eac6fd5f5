"""The registry of steps on the RMP.

It cannot stand in the package's `__init__.py`: the state imports the entry, and the steps import the state.
"""

from spec.rmp.access import access
from spec.rmp.host_writes import vmsave, write_vm_hsave_pa
from spec.rmp.psmash import psmash
from spec.rmp.pvalidate import pvalidate
from spec.rmp.rmpadjust import rmpadjust
from spec.rmp.rmpquery import rmpquery
from spec.rmp.rmpread import rmpread
from spec.rmp.rmpupdate import rmpupdate
from spec.rmp.run_pages import vmexit
from spec.rmp.virtualised import virt_psmash, virt_rmpupdate
from spec.rmp.vmrun import vmrun

TRANSITIONS = (
    rmpupdate,
    psmash,
    rmpread,
    pvalidate,
    rmpadjust,
    rmpquery,
    virt_rmpupdate,
    virt_psmash,
    access,
    vmrun,
    vmexit,
    write_vm_hsave_pa,
    vmsave,
)
