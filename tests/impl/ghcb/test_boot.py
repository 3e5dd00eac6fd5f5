"""From the first message to a registered page. GHCB (56421), "GHCB MSR Protocol", "SNP Page State Change"."""

import pytest

from impl.ghcb import msr_protocol
from impl.ghcb.call import GhcbCall
from impl.ghcb.page import GhcbPage
from impl.ghcb.page_state_change import Change, make_private, make_shared
from impl.ghcb.setup import negotiated, set_up
from impl.ghcb.termination import Terminated
from spec.ghcb.vocabulary.msr import CpuidRegister, MsrCode
from spec.ghcb.vocabulary.page import SHARED_BUFFER_OFFSET
from tests.impl.ghcb.gate import GPA, LINEAR, Gate

TERMINATED = MsrCode.TERMINATE
FRAME = GPA >> 12


def saying(*values: int) -> Gate:
    """A hypervisor that answers the messages with these values, and then with nothing new."""
    left = list(values)

    def answer(gate: Gate) -> None:
        if left:
            gate.msr = left.pop(0)

    return Gate(answer)


def info(lowest: int, highest: int, rest: int = 0) -> int:
    return highest << 48 | lowest << 32 | 51 << 24 | rest | MsrCode.SEV_INFO_RESPONSE


def sent(gate: Gate) -> list[int]:
    return [msr for msr, _ in gate.exits]


@pytest.mark.parametrize(
    ("lowest", "highest", "snp", "version"),
    [(1, 1, False, 1), (1, 2, False, 2), (1, 9, True, 2), (2, 2, True, 2)],
)
def test_the_highest_common_version_is_spoken(lowest: int, highest: int, snp: bool, version: int) -> None:
    assert negotiated(saying(info(lowest, highest)), snp=snp) == version


@pytest.mark.parametrize(("lowest", "highest", "snp"), [(1, 1, True), (3, 4, False), (2, 1, False), (0, 0, False)])
def test_without_a_common_version_the_guest_ends_and_says_so(lowest: int, highest: int, snp: bool) -> None:
    gate = saying(info(lowest, highest))
    with pytest.raises(Terminated, match="no version"):
        negotiated(gate, snp=snp)
    assert sent(gate)[-1] == TERMINATED | 1 << 16


@pytest.mark.parametrize("value", [0, MsrCode.SEV_INFO_REQUEST, MsrCode.CPUID_RESPONSE, info(1, 2) + 1])
def test_an_answer_to_another_question_ends_the_guest(value: int) -> None:
    with pytest.raises(Terminated, match="is no answer to 0x002"):
        msr_protocol.sev_info(saying(value))


def test_reserved_bits_of_an_answer_end_the_guest() -> None:
    with pytest.raises(Terminated, match="reserved bits"):
        msr_protocol.sev_info(saying(info(1, 2, 1 << 12)))


def test_the_msr_has_its_old_value_after_a_message() -> None:
    gate = saying(info(1, 2))
    gate.msr = GPA
    msr_protocol.sev_info(gate)
    assert gate.msr == GPA


def test_cpuid_by_message_is_about_the_register_that_was_asked_for() -> None:
    answer = 0x1234 << 32 | CpuidRegister.ECX << 30 | MsrCode.CPUID_RESPONSE
    gate = saying(answer)
    assert msr_protocol.cpuid_register(gate, 0x8000_0000, CpuidRegister.ECX) == 0x1234
    assert sent(gate) == [0x8000_0000 << 32 | CpuidRegister.ECX << 30 | MsrCode.CPUID_REQUEST]
    with pytest.raises(Terminated, match="another register"):
        msr_protocol.cpuid_register(saying(answer), 1, CpuidRegister.EDX)


@pytest.mark.parametrize("frame", [FRAME + 1, (1 << 52) - 1, 0])
def test_a_page_that_is_not_registered_as_asked_ends_the_guest(frame: int) -> None:
    with pytest.raises(Terminated, match="registers another page"):
        msr_protocol.register_page(saying(frame << 12 | MsrCode.REGISTER_GPA_RESPONSE), GPA)


def test_an_snp_guest_gives_its_page_up_before_it_asks_for_the_change() -> None:
    registered = FRAME << 12 | MsrCode.REGISTER_GPA_RESPONSE
    gate = saying(info(1, 2), 1 << 12 | MsrCode.HV_FEATURES_RESPONSE, MsrCode.PAGE_STATE_RESPONSE, registered)
    order: list[str] = []
    pvalidate, vmgexit = gate.pvalidate, gate.vmgexit
    gate.pvalidate = lambda linear, *, validate: order.append("rescind") or pvalidate(linear, validate=validate)
    gate.vmgexit = lambda: order.append(hex(gate.msr & 0xFFF)) or vmgexit()
    call = set_up(gate, GPA, shared=LINEAR, private=0x9000, snp=True)
    assert order == ["0x2", "0x80", "rescind", "0x14", "0x12"]
    assert (gate.validated, call.version, gate.msr) == ([(0x9000, False)], 2, GPA)
    assert sent(gate)[2] == 2 << 52 | FRAME << 12 | MsrCode.PAGE_STATE_REQUEST


def test_without_the_snp_feature_an_snp_guest_ends() -> None:
    gate = saying(info(1, 2), MsrCode.HV_FEATURES_RESPONSE)
    with pytest.raises(Terminated, match="what an SNP guest needs"):
        set_up(gate, GPA, shared=LINEAR, private=0x9000, snp=True)
    assert sent(gate)[-1] == TERMINATED | 2 << 16


@pytest.mark.parametrize("value", [1 << 63, 1 << 32, 1 << 12])
def test_a_page_state_that_was_not_changed_ends_the_guest(value: int) -> None:
    gate = saying(info(1, 2), 1 << 12 | MsrCode.HV_FEATURES_RESPONSE, value | MsrCode.PAGE_STATE_RESPONSE)
    with pytest.raises(Terminated, match="page state was not changed"):
        set_up(gate, GPA, shared=LINEAR, private=0x9000, snp=True)


# --- lists of pages ---

PAGES = [Change(0x10_0000 + number * 0x1000, 0x90_0000 + number * 0x1000) for number in range(3)]


def listing(*answers: tuple[int, int, int, int]) -> tuple[Gate, GhcbCall]:
    """Each answer: cur_entry, end_entry, reserved, SW_EXITINFO2."""
    left = list(answers)

    def answer(gate: Gate) -> None:
        if gate.msr & 0xFFF:
            return
        current, end, reserved, info2 = left.pop(0)
        gate.reply(0, info2)
        gate.put(SHARED_BUFFER_OFFSET, current | end << 16 | reserved << 32)
        gate.put(SHARED_BUFFER_OFFSET + 8, 0xDEAD_BEEF)  # the hypervisor's word about the pages counts nothing

    gate = Gate(answer)
    return gate, GhcbCall(gate, GhcbPage(gate, LINEAR, GPA), 2)


def test_a_list_is_asked_for_until_it_is_done_and_only_then_accepted() -> None:
    gate, call = listing((1, 2, 0, 0), (3, 2, 0, 0))
    make_private(gate, call, PAGES)
    assert [address for address, _ in gate.validated] == [page.private for page in PAGES]
    assert all(validate for _, validate in gate.validated)
    entries = gate.exits[0][1][SHARED_BUFFER_OFFSET:][:32]
    assert [int.from_bytes(entries[n : n + 8], "little") for n in range(0, 32, 8)] == [
        2 << 16, *(1 << 52 | page.gpa for page in PAGES)
    ]  # fmt: skip


def test_pages_are_given_up_before_they_are_shared() -> None:
    gate, call = listing((3, 2, 0, 0))
    make_shared(gate, call, PAGES)
    assert gate.validated == [(page.private, False) for page in PAGES]


@pytest.mark.parametrize(
    "answer",
    [(0, 2, 0, 0), (4, 2, 0, 0), (3, 1, 0, 0), (3, 3, 0, 0), (3, 2, 1, 0), (3, 2, 0, 1 << 32 | 2)],
    ids=["no progress", "too far", "list shorter", "list longer", "reserved", "error"],
)
def test_a_lie_about_a_list_ends_the_guest_before_it_accepts_a_page(answer: tuple[int, int, int, int]) -> None:
    gate, call = listing(answer)
    with pytest.raises(Terminated, match="page state change"):
        make_private(gate, call, PAGES)
    assert gate.validated == []


def test_going_back_in_a_list_ends_the_guest() -> None:
    gate, call = listing((2, 2, 0, 0), (1, 2, 0, 0))
    with pytest.raises(Terminated, match="after 2"):
        make_private(gate, call, PAGES)


@pytest.mark.parametrize("result", [(0, True), (6, False), (1, False)])
def test_a_page_that_does_not_become_valid_now_ends_the_guest(result: tuple[int, bool]) -> None:
    gate, call = listing((3, 2, 0, 0))
    gate.pvalidate_answer = result
    with pytest.raises(Terminated, match="PVALIDATE does not validate"):
        make_private(gate, call, PAGES)
    assert len(gate.validated) == 1
