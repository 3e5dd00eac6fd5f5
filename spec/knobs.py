"""Knobs: every fact that the sources leave open, with its default and what else it could be.

A knob is a field of `Knobs`, symbolic in proofs. docs/open-questions.md is checked against this list.
Named platforms (`spec/features.py`) fix the knobs that hardware showed.
"""

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Annotated

from spec.record import record
from spec.vocabulary import Bits

Choice1 = Annotated[int, Bits(1)]
Choice2 = Annotated[int, Bits(2)]
Choice3 = Annotated[int, Bits(3)]


@unique
class PsmashGuard(IntEnum):
    """What PSMASH answers for an immutable or ownerless 2 MiB page."""

    NOT_SPLITTABLE = 0
    FAIL_PERMISSION = 1
    FAIL_INPUT = 2
    ACCEPTED = 3


@unique
class PvalidateShared(IntEnum):
    """PVALIDATE of a page mapped shared (C=0)."""

    AS_PRIVATE = 0
    PF = 1
    NPF = 2
    IGNORED = 3


@unique
class HostInstruction(IntEnum):
    """A host-only RMP instruction executed inside a guest."""

    FAIL_PERMISSION = 0
    UD = 1
    VMEXIT = 2


@unique
class FullMask(IntEnum):
    """The VMPL0 mask that RMPUPDATE stores."""

    BY_FEATURE = 0
    WITHOUT_SSS = 1
    WITH_SSS = 2


@unique
class EntryCheckOrder(IntEnum):
    """Order of RMPUPDATE's three checks of the old entry: in-use (U), immutable (I), overlap (O)."""

    U_I_O = 0
    U_O_I = 1
    I_U_O = 2
    I_O_U = 3
    O_U_I = 4
    O_I_U = 5


@unique
class MmioLength(IntEnum):
    """Lengths of an MMIO event that a host takes."""

    POWERS = 0
    ZERO_IS_NOTHING = 1
    UP_TO_8 = 2


@unique
class CpuidMissing(IntEnum):
    """What CPUID gives for a leaf that the CPUID page lacks."""

    ZEROS = 0
    ZEROS_ALONE = 1
    FATAL = 2


@record
class Knobs:
    """One setting of every knob; `KNOBS` names and documents them."""

    gpa0_for_asid0: bool = True
    same_operands_keep_state: bool = True
    host_may_reclaim: bool = True
    shrink_frees_region: bool = True
    contention: bool = True
    psmash_guard: Choice2 = PsmashGuard.NOT_SPLITTABLE
    pvalidate_vmpl_gp: bool = True
    pvalidate_shared: Choice2 = PvalidateShared.AS_PRIVATE
    pvalidate_flushes_tlb: bool = False
    pvalidate_clears_vmsa: bool = False
    rmpadjust_vc_before_size: bool = True
    rmpadjust_vmpl_range_permission: bool = True
    rmpadjust_vmsa_2m_refused: bool = True
    rmpquery_own_level: bool = True
    vmrun_checks_validated: bool = False
    vmrun_checks_reverse_map: bool = False
    walk_reads_checked: bool = True
    full_mask: Choice2 = FullMask.BY_FEATURE
    swap_type_checked: bool = False
    counter_in_4k: bool = True
    rmpupdate_asid_by_maximum: bool = False
    unassigned_is_4k: bool = True
    immutable_tests_all: bool = True
    rmpupdate_order: Choice3 = EntryCheckOrder.U_I_O
    region_status_bit_rejected: bool = True
    lock_follows_immutable: bool = True
    segment_unit_bytes: bool = True
    pvalidate_64bit_only: bool = True
    sizem_by_rmp: bool = True
    rmpadjust_reserved_rejected: bool = True
    host_instruction: Choice2 = HostInstruction.FAIL_PERMISSION
    flags_from_eax: bool = True
    vmsa_twice_refused: bool = True
    device_writes_checked: bool = True
    default_page_state_error: bool = True
    ghcb_msr_intercepted: bool = False
    ghcb_cpuid_echo: bool = True
    ghcb_msr_reserved_zero: bool = True
    ghcb_msr_restored: bool = True
    ghcb_unregister: bool = False
    ghcb_unregistered_refused: bool = True
    ghcb_scratch_in_page: bool = True
    ghcb_mmio_length: Choice2 = MmioLength.POWERS
    ghcb_info1_full: bool = False
    ghcb_info_valid: bool = True
    ghcb_msr_result_valid: bool = True
    ghcb_xss_sent: bool = True
    ghcb_xcr0_for_leaf: bool = True
    ghcb_ioio_address_size: bool = True
    ghcb_ioio_segment_fixed: bool = True
    vc_wide_port_refused: bool = True
    vc_monitor_prefix_refused: bool = True
    vc_last_fs_gs: bool = True
    vc_last_repeat_prefix: bool = True
    vc_mwait_conditional: bool = False
    vc_invd_refused: bool = True
    vc_monitor_silent: bool = True
    psc_info2_is_error: bool = True
    psc_end_unchanged: bool = True
    vc_cpuid_missing: Choice2 = CpuidMissing.ZEROS
    vc_npf_reserved_only: bool = True
    vc_step_lost: bool = True


DEFAULT_KNOBS = Knobs()


@dataclass(frozen=True)
class Knob:
    """The documentation of one knob: its name in reports, its field, the question and the answers."""

    name: str
    field: str
    default: str
    otherwise: str


KNOBS = (
    Knob(
        "K-GPA0",
        "gpa0_for_asid0",
        "RMPUPDATE with ASID 0 stores guest-physical address 0",
        "the operand's address is stored, so the host can forge METADATA and FIRMWARE_IOMMU entries",
    ),
    Knob(
        "K-RMPUPD-SAME",
        "same_operands_keep_state",
        "RMPUPDATE with the page's own owner, address and size keeps Validated, VMSA and the masks",
        "they are always reset, and PRE_SWAP can never be made by RMPUPDATE",
    ),
    Knob(
        "K-RECLAIM-BY-HV",
        "host_may_reclaim",
        "RMPUPDATE may make a page assigned, ownerless and mutable (RECLAIM)",
        "FAIL_INPUT",
    ),
    Knob(
        "K-2M-TO-4K",
        "shrink_frees_region",
        "a 4 KiB RMPUPDATE on the head of a 2 MiB page unassigns the other 511 pages",
        "FAIL_OVERLAP",
    ),
    Knob(
        "K-OVERLAP-SPUR",
        "contention",
        "FAIL_INUSE and FAIL_OVERLAP may be returned because another processor holds the entry",
        "only for the reasons that the entries show",
    ),
    Knob(
        "K-PSMASH-GUARD",
        "psmash_guard",
        "PSMASH of an immutable or ownerless 2 MiB page returns 7",
        "FAIL_PERMISSION; FAIL_INPUT; the page is split",
    ),
    Knob("K-PVAL-VMPL", "pvalidate_vmpl_gp", "PVALIDATE outside VMPL0 raises #GP(0)", "FAIL_PERMISSION in EAX"),
    Knob(
        "K-PVAL-SHARED",
        "pvalidate_shared",
        "PVALIDATE of a shared mapping is performed as private",
        "#PF; a nested page fault; no effect",
    ),
    Knob(
        "K-PVAL-TLB",
        "pvalidate_flushes_tlb",
        "PVALIDATE leaves cached translations alone",
        "rescinding a page flushes them",
    ),
    Knob(
        "K-PVAL-CLR-M",
        "pvalidate_clears_vmsa",
        "rescinding a page leaves its VMSA attribute and masks",
        "the VMSA attribute is cleared",
    ),
    Knob("K-RADJ-ORDER", "rmpadjust_vc_before_size", "RMPADJUST reports #VC before FAIL_SIZEMISMATCH", "the reverse"),
    Knob(
        "K-RADJ-OOR",
        "rmpadjust_vmpl_range_permission",
        "a target VMPL that does not exist gives FAIL_PERMISSION",
        "FAIL_INPUT",
    ),
    Knob(
        "K-RADJ-2MVMSA", "rmpadjust_vmsa_2m_refused", "RMPADJUST refuses to make a 2 MiB page a VMSA", "it is accepted"
    ),
    Knob(
        "K-RQ-LOW", "rmpquery_own_level", "RMPQUERY may ask for the caller's own VMPL", "only for higher-numbered ones"
    ),
    Knob(
        "K-VMRUN-V",
        "vmrun_checks_validated",
        "VMRUN does not look at Validated of the VMSA page",
        "the VMSA page must be validated",
    ),
    Knob(
        "K-VMSA-RM",
        "vmrun_checks_reverse_map",
        "VMRUN compares no guest-physical address with the VMSA page's entry",
        "it compares the one recorded when the page became a VMSA",
    ),
    Knob(
        "K-PTREAD",
        "walk_reads_checked",
        "page-table reads of the host and legacy guests need a hypervisor-owned page",
        "only the walker's writes do",
    ),
    Knob(
        "K-SSSFULL",
        "full_mask",
        "RMPUPDATE stores 1Fh for VMPL0 where VmplSSS exists, else 0Fh",
        "always 0Fh; always 1Fh",
    ),
    Knob(
        "K-SWAP-TYPE",
        "swap_type_checked",
        "SNP_PAGE_SWAP_OUT does not compare PAGE_TYPE with the VMSA attribute",
        "a mismatch is INVALID_PAGE_STATE",
    ),
    Knob("K-CNT-UNIT", "counter_in_4k", "the per-ASID counter counts 4 KiB pages", "it counts entries"),
    Knob(
        "K-ASID-RANGE",
        "rmpupdate_asid_by_maximum",
        "RMPUPDATE accepts any 10-bit ASID but 3FFh",
        "it refuses an ASID above the maximum",
    ),
    Knob(
        "K-S-UNASSIGNED",
        "unassigned_is_4k",
        "RMPUPDATE stores size 4 KiB in an unassigned entry, which never acts as a 2 MiB entry",
        "the size bit is stored as given, and every access goes by an unassigned 2 MiB entry in its whole region",
    ),
    Knob(
        "K-2M-IMM",
        "immutable_tests_all",
        "a 2 MiB RMPUPDATE is refused if any of the 512 entries is immutable",
        "only the head is tested",
    ),
    Knob(
        "K-RMPUPD-ORDER", "rmpupdate_order", "RMPUPDATE tests in-use, then immutable, then overlap", "any other order"
    ),
    Knob(
        "K-RMPUPD-RSVD",
        "region_status_bit_rejected",
        "RMPUPDATE rejects the region-status bit of its operand",
        "the bit is ignored",
    ),
    Knob("K-LOCKBIT", "lock_follows_immutable", "RMPUPDATE stores the lock bit equal to Immutable", "it stores 0"),
    Knob(
        "K-SEGUNIT",
        "segment_unit_bytes",
        "segment-size exponents are powers of two of bytes",
        "of MiB in CPUID 80000025h",
    ),
    Knob(
        "K-PVAL-MODE",
        "pvalidate_64bit_only",
        "PVALIDATE is modelled in 64-bit mode only",
        "rAX by address size in the other modes",
    ),
    Knob(
        "K-PVAL-SIZEM",
        "sizem_by_rmp",
        "SIZEM is reported if the RMP entry is 2 MiB and the request 4 KiB",
        "if the nested mapping is 2 MiB and the request 4 KiB",
    ),
    Knob(
        "K-RADJ-RSVD",
        "rmpadjust_reserved_rejected",
        "reserved bits of RCX and RDX make RMPADJUST return FAIL_INPUT",
        "they are ignored",
    ),
    Knob(
        "K-HOSTINSN",
        "host_instruction",
        "a host instruction inside a guest returns FAIL_PERMISSION",
        "#UD; an intercept",
    ),
    Knob("K-FLAGS", "flags_from_eax", "OF, ZF, AF, PF and SF are set as by comparing EAX with 0", "they are undefined"),
    Knob("K-VMSA-TWICE", "vmsa_twice_refused", "VMRUN of a VMSA that is in use is VMEXIT_INVALID", "it is allowed"),
    Knob("K-DMA", "device_writes_checked", "a device write needs a hypervisor-owned page", "it is unchecked"),
    Knob(
        "K-DEFAULT-FW",
        "default_page_state_error",
        "a firmware command that needs an RMP entry answers INVALID_PAGE_STATE for an uncovered page",
        "any failure status; no state changes",
    ),
    Knob(
        "K-GHCBMSR-ICPT",
        "ghcb_msr_intercepted",
        "access to the GHCB MSR never raises #VC",
        "the hypervisor intercepts it, and each call over the MSR or the page begins with a #VC 7Ch inside the handler",
    ),
    Knob(
        "K-CPUID-ECHO",
        "ghcb_cpuid_echo",
        "a CPUID response over the MSR names the register that was asked for",
        "bits [31:30] of the response mean nothing",
    ),
    Knob(
        "K-MSR-RSVD",
        "ghcb_msr_reserved_zero",
        "a response over the MSR with a one where the protocol has 0 is an error",
        "such bits are ignored",
    ),
    Knob(
        "K-MSR-RESTORE",
        "ghcb_msr_restored",
        "the address of the page is put back after each call over the MSR",
        "only the next use of the page writes it",
    ),
    Knob(
        "K-UNREG",
        "ghcb_unregister",
        "there is no message to unregister a page",
        "018h and 019h, with feature bit 8",
    ),
    Knob(
        "K-NOTREG",
        "ghcb_unregistered_refused",
        "an exit over a page that is not registered is refused with 2 and 1",
        "the guest is ended",
    ),
    Knob(
        "K-SCRATCH",
        "ghcb_scratch_in_page",
        "from version 2 on the scratch area lies in the caller's shared buffer",
        "any shared address is taken, as under version 1",
    ),
    Knob(
        "K-MMIOLEN",
        "ghcb_mmio_length",
        "an MMIO event is about 1, 2, 4 or 8 bytes",
        "0 bytes are done at once; any length up to 8",
    ),
    Knob(
        "K-INFO1HI",
        "ghcb_info1_full",
        "only SW_EXITINFO1[31:0] of a reply decides",
        "all 64 bits must be 0",
    ),
    Knob(
        "K-INFOVALID",
        "ghcb_info_valid",
        "SW_EXITINFO1 of a reply must be marked valid, and SW_EXITINFO2 where it is used",
        "their bits are not looked at",
    ),
    Knob(
        "K-RDMSRVALID",
        "ghcb_msr_result_valid",
        "the result of RDMSR must be marked valid",
        "RAX and RDX are taken as they stand",
    ),
    Knob(
        "K-XSS",
        "ghcb_xss_sent",
        "XSS is sent for CPUID leaf Dh, subleaf 1",
        "never",
    ),
    Knob(
        "K-XCR0",
        "ghcb_xcr0_for_leaf",
        "XCR0 is sent for CPUID leaf Dh alone",
        "for every leaf",
    ),
    Knob(
        "K-IOIO-ASZ",
        "ghcb_ioio_address_size",
        "SW_EXITINFO1 of port I/O has one bit for the address size",
        "none, where no address is used",
    ),
    Knob(
        "K-IOIO-SEG",
        "ghcb_ioio_segment_fixed",
        "SW_EXITINFO1 of a string names ES for INS and DS for OUTS",
        "it names the segment of the override",
    ),
    Knob(
        "K-66-REXW-IO",
        "vc_wide_port_refused",
        "the handler refuses port I/O with 66h and an effective REX.W",
        "it is 32 bits wide",
    ),
    Knob(
        "K-MON-PFX",
        "vc_monitor_prefix_refused",
        "66h, F2h or F3h in front of MONITOR and MWAIT is refused",
        "the prefix is ignored",
    ),
    Knob(
        "K-SEG-LAST",
        "vc_last_fs_gs",
        "in 64-bit mode the last of the FS and GS prefixes counts, and others do nothing",
        "the last segment prefix of any kind counts",
    ),
    Knob(
        "K-F2F3",
        "vc_last_repeat_prefix",
        "the last of F2h and F3h counts",
        "either of them repeats a string",
    ),
    Knob(
        "K-MWAIT-COND",
        "vc_mwait_conditional",
        "exit 8Ch is not supported",
        "it is that of MWAIT with the monitor armed, and treated as 8Bh",
    ),
    Knob(
        "K-INVD",
        "vc_invd_refused",
        "INVD terminates the guest",
        "event 76h is sent",
    ),
    Knob(
        "K-MONITOR",
        "vc_monitor_silent",
        "MONITOR and MWAIT are no-operations, and nothing is sent",
        "events 8Ah and 8Bh are sent, with the address that is watched",
    ),
    Knob(
        "K-PSC-INFO2",
        "psc_info2_is_error",
        "SW_EXITINFO2 of a page state change other than 0 is an error, whatever SW_EXITINFO1 says",
        "it is ignored where SW_EXITINFO1 is 0",
    ),
    Knob(
        "K-PSC-END",
        "psc_end_unchanged",
        "the last entry of the header comes back unchanged",
        "it may have become smaller",
    ),
    Knob(
        "K-CPUID-MISS",
        "vc_cpuid_missing",
        "a leaf that the CPUID page lacks is zeros, completed where the leaf is in range",
        "zeros alone; the guest terminates",
    ),
    Knob(
        "K-NPF-RSV",
        "vc_npf_reserved_only",
        "a nested page fault becomes #VC only with a reserved bit in the nested entry",
        "any nested page fault may",
    ),
    Knob(
        "K-TF",
        "vc_step_lost",
        "a single step that falls on an emulated instruction is lost",
        "#DB is raised behind it",
    ),
)
