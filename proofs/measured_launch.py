"""Theorem T7: a launch digest stands for one sequence of launched pages (RMP-I46), if the hash has no collisions.

SNP_LAUNCH_UPDATE extends the digest once for each 4 KiB, by the record PAGE_INFO with the digest before it. So two
launches whose digests are equal end with the same page, and their digests before it are equal again; by induction
they launched the same pages, in the same order, from the first on. Legacy launches hash content alone.
"""

from typing import Any

import z3

from proofs.context import Context
from proofs.explore import run, unknown
from proofs.obligations import Verdict
from proofs.schemas import met
from proofs.solving import new_solver, status_of
from proofs.symbolic import SymBits, bits_term, conjunction
from spec.firmware.launch_digest import PAGE_INFO_BYTES, Chunk, MeasuredPage, extended, measured_contents, page_info
from spec.firmware.legacy_launch import legacy_digest
from spec.firmware.state import Digest
from spec.registry import InvariantInfo
from spec.vocabulary import Guarantor

LAUNCH = "launch"
T7 = InvariantInfo(
    name="digests_stand_for_one_launch",
    identifier="RMP-I46",
    guarantor=Guarantor.CRYPTOGRAPHY,
    manual='Firmware ABI (56860), "SNP_LAUNCH_UPDATE"',
    premises=("R15",),
)
PARTS = ("digest before", "contents", "page type", "IMI flag", "VMPL1", "VMPL2", "VMPL3", "guest address")


def launched(run_name: str) -> tuple[Any, Any, Any, Any]:
    """One more 4 KiB of some launch: the digest before it, what it holds, what it is, which chunk of its page."""
    kinds = {"digest": Digest, "contents": Digest, "page": MeasuredPage, "chunk": Chunk}
    return tuple(unknown(kind, f"{run_name}.{name}") for name, kind in kinds.items())


def bound(given: tuple[Any, Any, Any, Any]) -> list[z3.BitVecRef]:
    """What the digest has to bind, part by part."""
    digest, contents, page, chunk = given
    measured = measured_contents(page.page_type, contents)
    address = bits_term(page.gfn + chunk).widened(64)
    flag = z3.If(page.imi_page.z, z3.BitVecVal(1, 1), z3.BitVecVal(0, 1))
    masks = (page.vmpl1_perms.z, page.vmpl2_perms.z, page.vmpl3_perms.z)
    return [digest.z, bits_term(measured).widened(384), page.page_type.z, flag, *masks, address]


def prove_measured_launch(*, collides: bool = False) -> list[Verdict]:
    """One verdict for each part of PAGE_INFO: equal digests have it equal, unless the hash may collide."""
    context = Context(forks=False)

    def build() -> tuple[Any, list[Any], list[Any]]:
        one, other = launched("one"), launched("other")
        records = (page_info(d, measured_contents(p.page_type, c), p, at) for d, c, p, at in (one, other))
        words: list[Any] = list(records)
        hashed = [word.fit(8 * PAGE_INFO_BYTES, "PAGE_INFO") for word in words]
        digests = extended(*one), extended(*other)
        alike = [SymBits(bits_term(word).z, bits_term(word).width).widened(8 * PAGE_INFO_BYTES) for word in hashed]
        injective = z3.Implies(digests[0].z == digests[1].z, alike[0] == alike[1])  # type: ignore[attr-defined]  # terms
        facts = [*([] if collides else [injective]), digests[0].z == digests[1].z]  # type: ignore[attr-defined]  # the same
        return facts, bound(one), bound(other)

    facts, mine, theirs = run(context, build)
    claims = {part: a == b for part, a, b in zip(PARTS, mine, theirs, strict=True)}
    claims["fits"] = conjunction(met(one) for one in context.obligations)
    given = [*facts, *context.axioms]
    return [
        Verdict(f"{LAUNCH}: {part}", T7.name, impossible(given, z3.Not(holds)), 0.0) for part, holds in claims.items()
    ]


def impossible(given: list[Any], refuted: Any) -> str:
    """Whether the solver that is asked finds nothing of the sort."""
    solver = new_solver()
    solver.add(*given, refuted)
    return status_of(solver.check())


BLOCK = 16


def permuted_legacy_launch() -> str:
    """Two legacy launches with one digest: the same blocks, which the host shows to the guest at other addresses."""
    first, second = 0x1111, 0x2222
    launches = ({0x100: first, 0x101: second}, {0x101: first, 0x100: second})
    contents = [sum(block << (8 * BLOCK * at) for at, block in enumerate(launch.values())) for launch in launches]
    digests = {legacy_digest(content, 2 * BLOCK) for content in contents}
    if len(digests) != 1 or launches[0] == launches[1]:
        raise AssertionError("the two launches are told apart")
    lines = [
        f"{number}. firmware       LAUNCH_UPDATE_DATA   block={block:#x} gfn={gfn:#x}"
        for launch in launches
        for number, (gfn, block) in enumerate(launch.items(), 1)
    ]
    return "\n".join(["   one launch", *lines[:2], "   another", *lines[2:], f"   one digest: {digests.pop():064x}"])
