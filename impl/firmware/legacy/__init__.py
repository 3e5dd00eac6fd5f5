"""The launch of SEV and SEV-ES guests, on a machine that runs no SNP (SEV API 55766).

Built are the commands that lead from power-on to a running guest; the others answer `NOT_MODELLED`. So do all of them
while SNP is initialised. A session with the guest's owner is not built either: without one its integrity key is zero.
"""
