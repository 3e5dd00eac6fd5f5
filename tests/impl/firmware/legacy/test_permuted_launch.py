"""CVE-2021-26311: the host launches the blocks that the owner expects, in that order, and places them elsewhere."""

from collections.abc import Iterator
from itertools import count

import pytest

from impl.memory.paging import NestedTranslation, map_nested, walk_nested
from tests.impl.firmware.host import Host
from tests.impl.firmware.legacy.host import ES, ES_ASID, PAGE, SEV, SEV_ASID, SPA, LegacyHost

NESTED_ROOT = 0x6000_0000
GPAS = (0x10_0000, 0x10_1000)
PAGES = (b"check the password".ljust(PAGE, b"\x90"), b"grant access".ljust(PAGE, b"\xcc"))
GENERATIONS = pytest.mark.parametrize(("policy", "asid"), [(SEV, SEV_ASID), (ES, ES_ASID)], ids=["SEV", "SEV-ES"])


def free_pages() -> Iterator[int]:
    return count(NESTED_ROOT + PAGE, PAGE)


def seen_at(host: LegacyHost, gpa: int, asid: int) -> bytes:
    """What the guest reads at an address."""
    found = walk_nested(host.machine.memory, NESTED_ROOT, gpa)
    assert isinstance(found, NestedTranslation)
    return host.machine.memory.read(found.spa, PAGE, asid)


def launched(policy: int, asid: int, gpas: tuple[int, ...]) -> tuple[bytes, list[bytes]]:
    """The pages launched in order, shown to the guest at these addresses: the digest, and what the guest then reads."""
    host, free = LegacyHost().initialise(), free_pages()
    handle = host.launch(policy)
    for position, (gpa, content) in enumerate(zip(gpas, PAGES, strict=True)):
        spa = SPA + position * PAGE
        host.load(handle, spa, content)
        map_nested(host.machine.memory, NESTED_ROOT, gpa, spa, free)
    host.measure(handle)
    host.finish(handle)
    return host.digest(handle), [seen_at(host, gpa, asid) for gpa in GPAS]


@GENERATIONS
def test_pages_at_exchanged_addresses_have_the_same_digest_and_are_another_guest(policy, asid):
    expected, permuted = launched(policy, asid, GPAS), launched(policy, asid, GPAS[::-1])
    assert expected[0] == permuted[0]
    assert expected[1] == list(PAGES)
    assert permuted[1] == list(PAGES[::-1])


@GENERATIONS
def test_blocks_of_one_page_in_another_place_have_the_same_digest(policy, asid):
    """16 bytes are enough: the order of launch is the owner's, the places are the host's."""
    blocks = [PAGES[0][start : start + 16] for start in range(0, 64, 16)]
    digests, seen = set(), []
    for places in ((0, 1, 2, 3), (3, 0, 2, 1)):
        host = LegacyHost().initialise()
        handle = host.launch(policy)
        for place, block in zip(places, blocks, strict=True):
            host.load(handle, SPA + 16 * place, block)
        host.measure(handle)
        digests.add(host.digest(handle))
        seen.append(host.machine.memory.read(SPA, 64, asid))
    assert len(digests) == 1
    assert seen[0] == b"".join(blocks) != seen[1]


def test_registers_launched_as_memory_have_the_same_digest():
    digests = set()
    for vmsa in (False, True):
        host = LegacyHost().initialise()
        handle = host.launch(ES)
        host.load(handle, SPA, PAGES[0])
        host.load(handle, SPA + PAGE, PAGES[1], vmsa=vmsa)
        host.measure(handle)
        digests.add(host.digest(handle))
    assert len(digests) == 1


def test_snp_digest_of_pages_at_exchanged_addresses_differs():
    digests = set()
    for gpas in (GPAS, GPAS[::-1]):
        host = Host().initialise()
        guest = host.launch()
        for position, (gpa, content) in enumerate(zip(gpas, PAGES, strict=True)):
            spa = SPA + position * PAGE
            host.prepare(spa, gpa, data=content)
            host.load(spa)
        host.finish()
        digests.add(guest.launch_digest)
    assert len(digests) == 2
