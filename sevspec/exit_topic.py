"""What `sevspec explain 0x7b`, `IOIO` or `MMIO_READ` says: an exit code, and what both sides do with it."""

from collections.abc import Iterator

from impl.decode.exits import BY_MNEMONIC
from impl.hypervisor.seen import exit_name
from impl.vc.admission import AUTOMATIC, EXCEPTIONS, NOT_VALIDATED
from impl.vc.handler import BY_EXIT_CODE
from sevspec.topic import Table, Topic
from spec.ghcb.event import EventRow
from spec.ghcb.events import EVENTS
from spec.ghcb.vocabulary.exits import GhcbEvent, SvmExit
from spec.ghcb.vocabulary.hv_features import HvFeature
from spec.ghcb.vocabulary.page import GhcbField

COLUMNS = ("Event", "The guest shows", "and may use", "Since version", "For", "Evidence")
MMIO = "any instruction whose memory operand is MMIO"


def exit_codes() -> Iterator[int]:
    """Every code that has an explanation."""
    yield from sorted({*SvmExit, *GhcbEvent, *AUTOMATIC})


def exit_topic(code: int) -> Topic:
    """An exit of hardware, or an event of the page protocol."""
    topic = Topic("exit code", exit_name(code), "How an SEV-ES or SEV-SNP guest leaves to its hypervisor.")
    topic.fact("code", f"{code:#x}")
    topic.fact(
        "manual", "GHCB (56421), Standard VMGEXIT Events" if code in tuple(GhcbEvent) else "APM Vol. 2, Appendix C"
    )
    topic.fact("means", meaning(code))
    topic.fact("instructions", admitted(code))
    if code in BY_EXIT_CODE:
        work = BY_EXIT_CODE[code]
        topic.fact("the handler", f"{(work.__doc__ or '').splitlines()[0]} ({work.__module__.replace('.', '/')}.py)")
    rows = [event_row(row) for row in EVENTS if row.code == code]
    if rows:
        topic.tables.append(
            Table("over the GHCB page, besides SW_EXITCODE, SW_EXITINFO1 and SW_EXITINFO2", COLUMNS, rows)
        )
    return topic


def meaning(code: int) -> str:
    """Who raises it, and where it goes."""
    if code in (NOT_VALIDATED, SvmExit.NPF):
        return {
            NOT_VALIDATED: "#VC for a page that is the guest's and not validated; the guest ends",
            SvmExit.NPF: "a nested page fault: #VC if the hypervisor marks the page as MMIO, else it leaves by itself",
        }[code]
    if code in AUTOMATIC:
        return "leaves the guest by itself; hardware saves the state, and no #VC is raised"
    if code in EXCEPTIONS:
        return "an intercepted exception; nothing is emulated"
    if code in tuple(GhcbEvent):
        return "an event of software: the guest asks by VMGEXIT"
    return (
        "#VC in the guest, whose handler asks by VMGEXIT" if code in BY_EXIT_CODE else "#VC; the protocol has no event"
    )


def admitted(code: int) -> str:
    """The instructions that the handler accepts with this code."""
    if code in (SvmExit.DR7_READ, SvmExit.DR7_WRITE):
        return "mov from dr7" if code == SvmExit.DR7_READ else "mov to dr7"
    if code == SvmExit.NPF:
        return MMIO
    return ", ".join(name for name, kind in BY_MNEMONIC.items() if kind.exit_code == code)


def event_row(row: EventRow) -> tuple[str, ...]:
    """One form of an event."""
    inputs = [*names(row.inputs), *(["SW_SCRATCH"] if row.scratch else []), *(["data there"] if row.scratch_in else [])]
    outputs = [*names(row.outputs), *(["data there"] if row.scratch_out else [])]
    whom = ["SNP"] if row.snp else []
    whom += [feature.name or "" for feature in HvFeature if row.feature & feature]
    evidence = row.evidence.value
    return (row.title, ", ".join(inputs), ", ".join(outputs), str(row.since), ", ".join(whom) or "all", evidence)


def names(fields: tuple[GhcbField, ...]) -> list[str]:
    """Fields by name."""
    return [field.name for field in fields]
