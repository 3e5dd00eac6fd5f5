"""The #VC handler of an SEV-ES or SEV-SNP guest: it does what the instruction at RIP does, or refuses by name.

APM Vol. 2, "#VC Exception" (15.35.5); GHCB (56421), "#VC Handler". `handler.py` is the flow: fetch, decode, check the
instruction against the exit code (`admission.py`), carry it out, advance RIP. One file for each kind of exit carries
it out: `ioio.py`, `mmio.py` and `strings.py`, `msr.py`, `cpuid.py`, `counters.py`, `debug.py`, `hypercall.py`,
`without_reply.py`.

What the handler needs from outside are two interfaces: `exits.py`, the questions to the hypervisor, whose answers can
be anything, and `memory.py`, the guest's own memory. `vcpu.py` is the state of the interrupted code.
"""
