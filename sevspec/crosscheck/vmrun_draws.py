"""VMRUN and the exit that ends it: operands to try."""

from random import Random
from typing import Any

from sevspec.crosscheck.bench import Bench
from sevspec.crosscheck.draws import GUESTS, PAGES, RARELY, a_host, a_page, frame_for, likely
from spec.rmp.authority import effective
from spec.rmp.run_pages import RunPages, Vmexit
from spec.rmp.vmrun import Vmrun
from spec.vmpl.sev_features import ALLOWED_FEATURES_ENABLE, HostSettings, InjectionRequest
from spec.vocabulary import PAGE_SHIFT, SevFeatures

CONTROL_BLOCKS = (0x20001, 0x20002, PAGES[2])
"""Frames for VMCBs: two that no other step names, and one that does."""
BACKING_PAGES = (0x20003, PAGES[3])
FEATURES = (
    0,
    SevFeatures.RESTRICTED_INJECTION,
    SevFeatures.ALTERNATE_INJECTION,
    SevFeatures.PREVENT_HOST_IBS,
    SevFeatures.VMPL_SSS,
    SevFeatures.SECURE_AVIC,
    SevFeatures.RESTRICTED_INJECTION | SevFeatures.ALTERNATE_INJECTION,
    SevFeatures.GUEST_INTERCEPT_CONTROL,
    1 << 17,
)


def vmsa_candidates(bench: Bench) -> list[int]:
    """Pages that may be a VMSA; any of the usual ones if there is none."""
    return [page for page in PAGES if effective(bench.system.rmp, page).vmsa] or list(PAGES)


def draw_vmrun(rng: Random, bench: Bench) -> Vmrun:
    """A guest that can be run, mostly."""
    pages = [page for page in vmsa_candidates(bench) if not twice(bench, page)] or [BACKING_PAGES[0] + 1]
    vmsa = rng.choice(pages) if likely(rng, 0.85) else a_page(rng)
    vmsa = vmsa if not twice(bench, vmsa) else BACKING_PAGES[0] + 1
    entry = effective(bench.system.rmp, vmsa)
    snp = likely(rng, 0.85)
    word = int(rng.choice(FEATURES)) if likely(rng, 0.3) else 0
    run = RunPages(
        vmcb=rng.choice(CONTROL_BLOCKS) << PAGE_SHIFT | (8 if likely(rng, RARELY) else 0),
        sev_es=likely(rng, 0.9),
        vmsa=vmsa << PAGE_SHIFT,
        avic=likely(rng, 0.3),
        avic_backing=rng.choice(BACKING_PAGES) << PAGE_SHIFT,
    )
    event = InjectionRequest(likely(rng, 0.3), rng.choice((28, 28, 14)), rng.choice((3, 3, 0)), likely(rng))
    allowed = (ALLOWED_FEATURES_ENABLE | 0xFFFF if likely(rng, 0.3) else 0) & (-1 if likely(rng, 0.7) else ~0x10)
    return Vmrun(
        cpu=a_host(rng),
        host_save_area=not likely(rng, RARELY),
        pages=run,
        asid=rng.choice((0, *GUESTS)) if likely(rng) or entry.asid == 0 else entry.asid,
        sev_features=word | (int(SevFeatures.SNP_ACTIVE) if snp else 0),
        svme=not likely(rng, 0.05),
        busy=likely(rng),
        vmsa_gfn=frame_for(vmsa) if likely(rng) else entry.gfn,
        host=HostSettings(likely(rng), likely(rng), allowed & ((1 << 64) - 1), event),
    )


def twice(bench: Bench, page: int) -> bool:
    """The page is held, and a second VMRUN of it would be let in: the state does not count holders."""
    return bench.system.in_use[page] and not bench.system.platform.knobs.vmsa_twice_refused


def draw_vmexit(rng: Random, bench: Bench) -> Vmexit:
    """The exit of one that runs, if any does."""
    running = list(bench.machine.running)
    if not running:
        return Vmexit(RunPages(vmcb=0, sev_es=False, vmsa=0, avic=False, avic_backing=0))
    chosen = rng.choice(running)
    backing = chosen.held - {chosen.vmcb >> PAGE_SHIFT, (chosen.vmsa or 0) >> PAGE_SHIFT}
    return Vmexit(
        RunPages(
            vmcb=chosen.vmcb,
            sev_es=chosen.vmsa is not None,
            vmsa=chosen.vmsa or 0,
            avic=bool(backing),
            avic_backing=next(iter(backing), 0) << PAGE_SHIFT,
        )
    )


DRAWS: dict[str, Any] = {"vmrun": draw_vmrun, "vmexit": draw_vmexit}
