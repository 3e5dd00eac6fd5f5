"""Events that software defined: processors, SNP, interrupts, the protocol itself (GHCB, 56421, same section).

What only a draft or one implementation shows says so in its evidence.
"""

from spec.ghcb.event import EventRow
from spec.ghcb.instruction_events import ALL_BITS
from spec.ghcb.vocabulary.exits import (
    AP_DESTROY,
    DOORBELL_CLEAR,
    DOORBELL_PREFERRED,
    DOORBELL_QUERY,
    DOORBELL_SET,
    JUMP_TABLE_GET,
    JUMP_TABLE_SET,
    SECURE_AVIC_REGISTER,
    SECURE_AVIC_UNREGISTER,
    GhcbEvent,
)
from spec.ghcb.vocabulary.hv_features import HvFeature
from spec.ghcb.vocabulary.page import GhcbField
from spec.vocabulary import Evidence

RAX, RBX = GhcbField.RAX, GhcbField.RBX
LOW_16 = 0xFFFF
TIMER = HvFeature.RESTRICTED_INJECTION | HvFeature.RESTRICTED_INJECTION_TIMER
DRAFT = Evidence.INFERRED

PROCESSOR_EVENTS = (
    EventRow(GhcbEvent.NMI_COMPLETE, "NMI complete"),
    EventRow(GhcbEvent.AP_RESET_HOLD, "AP reset hold", info2_out=True),
    EventRow(GhcbEvent.AP_JUMP_TABLE, "set AP jump table", info1_mask=ALL_BITS, info1_value=JUMP_TABLE_SET),
    EventRow(
        GhcbEvent.AP_JUMP_TABLE, "get AP jump table", info2_out=True, info1_mask=ALL_BITS, info1_value=JUMP_TABLE_GET
    ),
)

SNP_EVENTS = (
    EventRow(
        GhcbEvent.PAGE_STATE_CHANGE,
        "page state change",
        scratch_in=True,
        scratch_out=True,
        info2_out=True,
        since=2,
        snp=True,
    ),
    EventRow(GhcbEvent.GUEST_REQUEST, "guest request", info2_out=True, since=2, snp=True),
    EventRow(
        GhcbEvent.EXTENDED_GUEST_REQUEST,
        "extended guest request",
        inputs=(RAX, RBX),
        outputs=(RBX,),
        info2_out=True,
        since=2,
        snp=True,
    ),
    *(
        EventRow(
            GhcbEvent.AP_CREATION,
            title,
            inputs=inputs,
            info1_mask=LOW_16,
            info1_value=kind,
            since=2,
            feature=HvFeature.AP_CREATION,
            snp=True,
        )
        for kind, title, inputs in (
            (0, "AP creation on INIT", (RAX,)),
            (1, "AP creation", (RAX,)),
            (AP_DESTROY, "AP destruction", ()),
        )
    ),
    EventRow(GhcbEvent.RUN_VMPL, "run VMPL", since=2, feature=HvFeature.MULTI_VMPL, snp=True),
    EventRow(
        GhcbEvent.TIO_GUEST_REQUEST,
        "TIO guest request",
        inputs=(RAX, RBX),
        outputs=(RBX,),
        info2_out=True,
        since=2,
        feature=HvFeature.TIO,
        snp=True,
        evidence=DRAFT,
    ),
    EventRow(
        GhcbEvent.TIO_OPERATION,
        "TIO operation",
        info2_out=True,
        since=2,
        feature=HvFeature.TIO,
        snp=True,
        evidence=DRAFT,
    ),
)

INTERRUPT_EVENTS = (
    *(
        EventRow(
            GhcbEvent.HV_DOORBELL,
            title,
            info2_out=answers,
            info1_mask=ALL_BITS,
            info1_value=kind,
            since=2,
            feature=HvFeature.RESTRICTED_INJECTION,
            snp=True,
        )
        for kind, title, answers in (
            (DOORBELL_PREFERRED, "preferred #HV doorbell page", True),
            (DOORBELL_SET, "set #HV doorbell page", True),
            (DOORBELL_QUERY, "query #HV doorbell page", True),
            (DOORBELL_CLEAR, "clear #HV doorbell page", False),
        )
    ),
    EventRow(GhcbEvent.HV_IPI, "#HV IPI", since=2, feature=HvFeature.RESTRICTED_INJECTION, snp=True),
    EventRow(GhcbEvent.HV_TIMER, "#HV timer", since=2, feature=TIMER, snp=True, evidence=DRAFT),
    EventRow(
        GhcbEvent.APIC_ID_LIST,
        "APIC ID list",
        inputs=(RAX,),
        outputs=(RAX,),
        since=2,
        feature=HvFeature.APIC_ID_LIST,
        snp=True,
    ),
    EventRow(
        GhcbEvent.SECURE_AVIC,
        "register Secure AVIC page",
        inputs=(RAX, RBX),
        info1_mask=ALL_BITS,
        info1_value=SECURE_AVIC_REGISTER,
        since=2,
        snp=True,
        evidence=DRAFT,
    ),
    EventRow(
        GhcbEvent.SECURE_AVIC,
        "unregister Secure AVIC page",
        inputs=(RAX,),
        outputs=(RBX,),
        info1_mask=ALL_BITS,
        info1_value=SECURE_AVIC_UNREGISTER,
        since=2,
        snp=True,
        evidence=DRAFT,
    ),
    *(
        EventRow(code, title, since=2, feature=HvFeature.EXTENDED_INTERRUPTS, snp=True, evidence=DRAFT)
        for code, title in (
            (GhcbEvent.CONFIGURE_INJECTION, "configure interrupt injection"),
            (GhcbEvent.DISABLE_ALTERNATE_INJECTION, "disable alternate injection"),
            (GhcbEvent.SPECIFIC_EOI, "specific EOI"),
        )
    ),
)

PROTOCOL_EVENTS = (
    EventRow(GhcbEvent.HV_FEATURES, "hypervisor features", info2_out=True, since=2),
    EventRow(GhcbEvent.TERMINATION, "termination request", since=2),
    EventRow(GhcbEvent.UNSUPPORTED, "unsupported event"),
)
