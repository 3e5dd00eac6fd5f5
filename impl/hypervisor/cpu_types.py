"""vCPU types: the names that QEMU gives to AMD EPYC models, and the CPUID signature each presents to the guest."""

from impl.hypervisor.errors import OptionError


def signature_of(family: int, model: int, stepping: int) -> int:
    """CPUID Fn0000_0001_EAX (AMD64 APM Vol. 3, Appendix E): the extended family counts from Fh, the model is split."""
    for name, value, limit in (("family", family, 0x10E), ("model", model, 0xFF), ("stepping", stepping, 0xF)):
        if not 0 <= value <= limit:
            raise OptionError(f"vCPU {name}: {value} is not in 0..{limit}")
    base_family = min(family, 0xF)
    extended_family = family - base_family
    extended_model, base_model = divmod(model, 16)
    return extended_family << 20 | extended_model << 16 | base_family << 8 | base_model << 4 | stepping


NAPLES = signature_of(23, 1, 2)
ROME = signature_of(23, 49, 0)
MILAN = signature_of(25, 1, 1)
GENOA = signature_of(25, 17, 0)
TURIN = signature_of(26, 0, 0)

CPU_TYPES = {
    "EPYC": NAPLES,
    "EPYC-v1": NAPLES,
    "EPYC-v2": NAPLES,
    "EPYC-IBPB": NAPLES,
    "EPYC-v3": NAPLES,
    "EPYC-v4": NAPLES,
    "EPYC-Rome": ROME,
    "EPYC-Rome-v1": ROME,
    "EPYC-Rome-v2": ROME,
    "EPYC-Rome-v3": ROME,
    "EPYC-Milan": MILAN,
    "EPYC-Milan-v1": MILAN,
    "EPYC-Milan-v2": MILAN,
    "EPYC-Genoa": GENOA,
    "EPYC-Genoa-v1": GENOA,
    "EPYC-Turin": TURIN,
}
"""QEMU, target/i386/cpu.c, the built-in EPYC models."""


def choose_signature(
    cpu_type: str | None = None,
    signature: int | None = None,
    family: int | None = None,
    model: int | None = None,
    stepping: int | None = None,
) -> int | None:
    """The signature that the options ask for. Family, model and stepping win over a signature, that over a type."""
    if family is not None or model is not None or stepping is not None:
        if family is None or model is None or stepping is None:
            raise OptionError("vCPU: family, model and stepping must be given together")
        return signature_of(family, model, stepping)
    if signature is not None:
        return signature
    if cpu_type is None:
        return None
    if cpu_type not in CPU_TYPES:
        raise OptionError(f"vCPU type {cpu_type!r} is unknown; known are {', '.join(CPU_TYPES)}")
    return CPU_TYPES[cpu_type]
