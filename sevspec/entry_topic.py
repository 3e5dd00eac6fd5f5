"""What is said of one raw RMP entry."""

from sevspec.answers import answer_table
from sevspec.raw_entry import RawEntry, field_table
from sevspec.scene import Scene, holding
from sevspec.topic import Topic
from spec.features import Platform
from spec.rmp.authority import offset_of
from spec.vocabulary import PageSize, PageState


def entry_topic(name: str, title: str) -> Topic:
    """An entry of which only this is known."""
    return Topic("RMP entry", name, title)


def owner_text(found: RawEntry, state: PageState) -> str:
    """Whose the page is."""
    if found.in_use:
        return "a guest whose vCPU runs on it; its ASID is not shown while the page is in use"
    if found.entry.asid:
        return f"the guest with ASID {found.entry.asid}"
    return "the hypervisor" if not found.entry.assigned else f"the firmware ({state.value})"


def explained_entry(found: RawEntry, platform: Platform, page: int | None = None) -> Topic:
    """A raw entry: its fields, state and owner, and what each agent would be answered on it."""
    scene = holding(found.entry, platform, page, found.in_use)
    name = f"{found.low:#018x}:{found.high:#018x}"
    topic = entry_topic(name, f"{scene.state.value}, owned by {owner_text(found, scene.state)}")
    topic.fact("state", scene.state.value)
    topic.fact("in use", "VMRUN holds the page (Lock without Immutable)" if found.in_use else "")
    if page is not None:
        topic.fact("page", f"{page:#x}")
    for note in notes(found, scene, page, platform):
        topic.fact("note", note)
    topic.tables += [field_table(found), answer_table(scene)]
    return topic


def notes(found: RawEntry, scene: Scene, page: int | None, platform: Platform) -> list[str]:
    """What a reader could misread."""
    entry = found.entry
    said = []
    if platform.features.rmpread:
        said.append("this raw layout is documented for Zen 3 and Zen 4; Zen 5 is read with RMPREAD")
    if page is not None and offset_of(page) and scene.state is PageState.RECLAIM and not entry.gfn:
        said.append("inside a 2 MiB page the head's entry counts, and the others look like this one")
    if entry.page_size == PageSize.SIZE_2M and not entry.assigned:
        said.append("an unassigned entry never acts as a 2 MiB entry (K-S-UNASSIGNED)")
    if entry.gfn and not entry.asid and entry.immutable:
        said.append("the guest frame number of a firmware page holds the firmware's own tag and reference")
    return said
