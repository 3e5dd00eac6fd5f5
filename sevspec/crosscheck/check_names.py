"""Which check of the machine is the same rule as a check of the specification: their authors named them apart.

Where several rules have one outcome and no source fixes an order among them, each name stands for all.
"""

SAME: dict[str, dict[str, str]] = {}


def is_same_check(step: str, specified: str, machine: str) -> bool:
    """Whether the two names are those of one rule."""
    names = SAME.get(step)
    return True if names is None else machine in names.get(specified, specified).split()
