"""The x86 instruction decoder: one phase, one file, one type.

`fetch.py` brings the bytes, `prefixes.py` reads the legacy prefixes and REX, `opcode.py` the escape bytes and the
opcode (`vector.py` those under VEX, EVEX and XOP), `modrm.py` the ModRM and SIB bytes with the displacement;
`decoder.py` reads the immediates and puts the `Instruction` together. The opcodes are the lines of `maps/`, in the
order and the notation of APM Vol. 3, Appendix A; `rows.py` reads them, `layout.py`, `forms.py` and `tables.py` turn
them into what is looked up.
"""
