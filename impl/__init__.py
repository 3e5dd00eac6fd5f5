"""A concrete machine: real ciphertext, packed RMP entries in memory, page tables, instructions on real registers.

It is written from the AMD manuals and recorded hardware, not from `spec/`, whose nouns alone it shares
(`spec.vocabulary`, `spec.knobs`). `impl.machine` is the place to start.
"""
