"""The specification of AMD SEV, SEV-ES and SEV-SNP: plain Python that is executed, proved and handed to others.

Start with docs/reading-guide.md. Nothing here imports z3, does I/O or knows bytes.
"""
