"""The guest's side of the GHCB protocol, over bytes. GHCB (56421).

`gate.py` is what of the machine it needs: single accesses of shared memory, the GHCB MSR, VMGEXIT, PVALIDATE.
`page.py` is the page at its real offsets; `transport.py` asks the hypervisor what the #VC handler wants to know, one
event a question; `cpuid_table.py` answers CPUID of SNP guests in the guest. `msr_protocol.py` has the messages that
need no page, `setup.py` the way from the first instruction to a registered page, `page_state_change.py` lists of pages
that become private or shared. Whatever the hypervisor says is read once, into private memory, and checked there.
"""
