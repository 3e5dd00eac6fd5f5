"""The processor that runs guest code: Unicorn for ordinary instructions, behind the machine's own memory system.

`core.py` drives Unicorn and stops at each instruction that Unicorn must not run: `watched.py` says which. Linear
addresses are translated by the guest's page tables, the nested ones and the RMP (`translations.py`), and pages are
held as plaintext only while Unicorn runs (`page_cache.py`). `processor.py` is VMRUN and #VMEXIT: it decides what
leaves the guest as an exit and what is raised in it as #VC (`intercepts.py`), and saves the registers where the
generation says (`save_area.py`).

Needs the extra `cpu`.
"""
