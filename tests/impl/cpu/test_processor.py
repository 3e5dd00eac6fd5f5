"""Guest machine code on the processor: memory, changing code, instructions on the RMP, exits by its own hand."""

import pytest

from impl.guest import layout
from impl.hypervisor.flat_run import Ended, FlatRun
from impl.hypervisor.generation import Generation
from spec.ghcb.vocabulary.exits import SvmExit

RAX, RCX, RDX, RBX, RSP = range(5)
IMAGE, DATA = layout.IMAGE.gpa, layout.DATA.gpa
EVERY = pytest.mark.parametrize("generation", [*Generation])


def mov(register: int, value: int) -> str:
    return f"48{0xB8 + register:02x}" + value.to_bytes(8, "little").hex()


def run(code: str, generation: Generation = Generation.SNP, limit: int = 10_000) -> tuple[Ended, FlatRun]:
    guest = FlatRun(generation, bytes.fromhex(code.replace(" ", "")))
    return guest.run(limit=limit), guest


@EVERY
def test_private_memory_is_ciphertext_when_the_guest_has_stopped(generation: Generation) -> None:
    ended, guest = run(mov(RAX, DATA) + mov(RCX, 0x1122_3344_5566_7788) + "488908 f4", generation)
    assert ended.why == "HLT"
    spa, value = guest.launch.spa(DATA), (0x1122_3344_5566_7788).to_bytes(8, "little")
    assert guest.machine.memory.read(spa, 8, guest.launch.asid) == value
    assert guest.machine.memory.read_raw(spa, 8) != value


@EVERY
def test_shared_memory_is_plaintext(generation: Generation) -> None:
    ended, guest = run(mov(RAX, layout.SHARED.gpa) + mov(RCX, 0x1122_3344) + "488908 f4", generation)
    assert ended.why == "HLT"
    assert guest.machine.memory.read_raw(guest.launch.spa(layout.SHARED.gpa), 4) == b"\x44\x33\x22\x11"


@EVERY
def test_two_linear_pages_of_one_page_are_one_memory(generation: Generation) -> None:
    other = DATA + layout.SPLIT_WINDOW + 3 * 0x1000
    ended, _ = run(mov(RAX, DATA) + mov(RBX, other) + "48c70055000000 488b0b f4", generation)
    assert ended.vcpu.gpr[RCX] == 0x55


@EVERY
def test_code_that_the_guest_changes_is_looked_at_anew(generation: Generation) -> None:
    # CALL f; MOV WORD [RIP + 6], CPUID; CALL f; HLT; f: two NOPs, which become CPUID; RET.
    code = "e80f000000 66c705060000000fa2 e801000000 f4 9090c3"
    ended, guest = run(code, generation)
    assert ended.why == "HLT"
    assert ended.vcpu.gpr[RBX] == 0x68747541
    codes = [seen.event or seen.name for seen in guest.hypervisor.seen]
    assert codes.count("CPUID") == (1 if generation is not Generation.SNP else 0)


@EVERY
def test_a_page_that_is_not_mapped_is_a_page_fault_at_its_address(generation: Generation) -> None:
    ended, _ = run("90" + mov(RAX, 0x5000_0FFC) + "488b00 f4", generation)
    assert ended.fault is not None
    assert (ended.fault.vector.name, ended.fault.address, ended.vcpu.rip) == ("PF", 0x5000_0FFC, IMAGE + 11)


@EVERY
def test_an_instruction_that_goes_on_where_nothing_is_mapped_faults_there(generation: Generation) -> None:
    # Four thousand NOPs, then the first two bytes of an instruction at the end of the last page.
    ended, _ = run("90" * 4094 + "4883", generation, 5_000)
    assert ended.fault is not None
    assert (ended.fault.vector.name, ended.fault.address) == ("PF", IMAGE + 0x1000)
    assert (ended.vcpu.rip, ended.instructions) == (IMAGE + 4094, 4095)


@pytest.mark.parametrize(
    ("code", "vector"), [("0f0b", "UD"), ("c608", "UD"), ("66" * 15 + "90", "GP"), ("48f7f1", None)]
)
def test_exceptions_without_handler_end_in_shutdown(code: str, vector: str | None) -> None:
    ended, _ = run(code)
    assert ended.why.startswith("SHUTDOWN")
    assert (ended.fault.vector.name if ended.fault else None) == vector


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("653e488b00", "does not carry out mov"), ("44c70001000000", "does not carry out mov"),
        ("c5f877", "does not carry out vzeroupper"), ("0f05", "does not carry out syscall"),
        ("0f22d8", "does not carry out mov"), ("cc", "does not carry out int3"),
        ("0fc7f0", "does not carry out rdrand"), ("0f38f908", "does not know movdiri"),
    ],
)  # fmt: skip
def test_what_the_core_does_not_do_right_it_refuses_by_name(code: str, says: str) -> None:
    ended, _ = run(mov(RAX, DATA) + code + "f4")
    assert says in ended.why


def test_pvalidate_by_the_guest_itself_takes_a_page_away() -> None:
    pvalidate = "f20f01ff"
    head = mov(RAX, DATA) + mov(RCX, 0) + mov(RDX, 0)
    ended, guest = run(head + pvalidate + mov(RBX, DATA) + "488b03 f4")
    assert ended.why == "the guest asks for its termination: set 0, reason 0"
    assert (ended.vcpu.gpr[RAX], ended.vcpu.rflags & 1) == (0, 0)
    assert not guest.machine.rmp.load(guest.launch.spa(DATA) >> 12).validated


def test_rmpquery_by_the_guest_gives_the_masks() -> None:
    ended, _ = run(mov(RAX, DATA) + mov(RDX, 1) + "f30f01fd f4")
    assert ended.why == "HLT"
    assert (ended.vcpu.gpr[RAX], ended.vcpu.gpr[RDX] >> 8 & 0xFF) == (0, 0)


@pytest.mark.parametrize("generation", [Generation.SEV_ES, Generation.SNP])
def test_a_message_by_the_guests_own_hand_is_answered(generation: Generation) -> None:
    wrmsr = mov(RCX, 0xC001_0130) + mov(RAX, 0x080) + mov(RDX, 0) + "0f30"
    ended, _ = run(wrmsr + "f30f01d9 0f32 f4", generation)
    assert ended.why == "HLT"
    features = 1 if generation is Generation.SNP else 0
    assert ended.vcpu.gpr[RAX] == features << 12 | 0x081


def test_vmgexit_of_an_sev_guest_is_vmmcall() -> None:
    ended, guest = run(mov(RAX, 5) + "f30f01d9 f4", Generation.SEV)
    assert (ended.why, guest.hypervisor.seen[0].exit_code) == ("HLT", SvmExit.VMMCALL)
    assert ended.vcpu.gpr[RAX] == ~5 & (1 << 64) - 1


def test_before_there_is_a_page_cpuid_alone_is_answered() -> None:
    for code, why in (("0fa2 f4", "HLT"), ("0f31 f4", "the guest asks for its termination: set 0, reason 0")):
        guest = FlatRun(Generation.SEV_ES, bytes.fromhex(mov(RAX, 0x8000_001F) + code.replace(" ", "")))
        ended = guest.run(early=True)
        assert ended.why == why
    assert {seen.event for seen in guest.hypervisor.seen} == {"MSR TERMINATE"}


@pytest.mark.parametrize("leaf", [0x8000_0000, 0x8000_001F])
def test_cpuid_that_denies_sev_ends_the_guest(leaf: int, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = FlatRun(Generation.SEV_ES, bytes.fromhex(mov(RAX, leaf) + "0fa2f4"))
    answer = guest.emulated.cpuid(0x4000_0000, 0, None)
    monkeypatch.setattr(guest.emulated, "cpuid", lambda *_: answer)
    assert guest.run(early=True).why == "the guest asks for its termination: set 0, reason 0"
