"""The guest's own software that a flat guest program starts with: it sets the GHCB up and answers #VC.

It is not machine code, but it reaches memory, the GHCB MSR, VMGEXIT and PVALIDATE as machine code does. `layout.py`
is its memory map, private knowledge of the guest; `kernel.py` the #VC handler's entry.
"""
