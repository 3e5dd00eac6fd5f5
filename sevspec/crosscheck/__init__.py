"""The specification and the concrete machine take the same steps; every step is compared.

They are two texts by different authors. `concretisation` makes a machine of a specified state, `abstraction` reads a
machine's bytes back as one, `operands` gives both the same operands, `agreement` compares what they answer.
"""
