"""The rules of a careful relying party, each of which can be switched off to see what it is for."""

from spec.logic import all_of
from spec.record import fields_of, record

Faults = tuple[tuple[str, bool], ...]
"""Named conditions, of which the first that holds decides."""


@record
class Diligence:
    """The rules without which some accepted report means nothing; checks that no rule names are always made."""

    checks_chain: bool = True
    """V1: certificates lead from the report's key to a root that is known beforehand."""
    checks_revocation: bool = True
    """V2: no certificate of the chain is on the root's revocation list."""
    checks_signature: bool = True
    """V3: the key signed the report."""
    binds_tcb: bool = True
    """V4: the certificate is for the TCB version that the report names."""
    binds_chip: bool = True
    """V5: the certificate is for the chip that the report names."""
    asks_product: bool = True
    """V6: products whose keys can be had by others are not accepted."""
    asks_chip: bool = True
    """V7: the chip is one of those that are expected."""
    asks_tcb: bool = True
    """V8: the TCB version is none under which keys, or guests, have been lost."""
    asks_policy: bool = True
    """V9: the guest's policy lets nobody debug it or move it."""
    asks_measurement: bool = True
    """V10: the launch digest is an expected one."""
    asks_vmpl: bool = True
    """V11: the report is for the expected VMPL."""
    asks_nonce: bool = True
    """V12: the report data is bound to a nonce that was made for this report."""


DILIGENT = Diligence()


def is_diligent(rules: Diligence) -> bool:
    """Every rule is kept."""
    return all_of(*(getattr(rules, field.name) for field in fields_of(Diligence)))


def asked(rule: bool, faults: Faults) -> Faults:
    """The faults that count: none, where the rule is not kept."""
    return tuple((name, all_of(rule, holds)) for name, holds in faults)
