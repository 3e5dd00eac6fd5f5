"""Raw RMP entries: each decodes field for field, has the state named, and can be made by the steps described."""

from sevspec.blank import blank
from sevspec.observations.recorded import Observation, expect
from sevspec.raw_entry import decoded
from sevspec.scene import initialised
from spec.features import Platform
from spec.record import replace
from spec.registry import Outcome
from spec.rmp import raw
from spec.rmp.authority import offset_of
from spec.rmp.cpu import HOST_CPU
from spec.rmp.entry import UNASSIGNED, RmpEntry
from spec.rmp.layout import BOOKKEEPING_SIZE, ENTRY_SHIFT, RmpLayout, entry_address
from spec.rmp.page_state import page_state, tag_of, untagged
from spec.rmp.rmpupdate import RmpUpdate, rmpupdate
from spec.vocabulary import PAGE_SHIFT, Eax, PageSize

LETTERS = {"A": "assigned", "S": "page_size", "I": "immutable", "N": "subpage_count", "G": "gfn", "ASID": "asid",
           "M": "vmsa", "V": "validated", "L": "lock"}  # fmt: skip
FLAGS = "AIMVL"
ALL_ONES = (1 << 64) - 1
ANY_PAGE = 0x78D198


def judge(observation: Observation) -> str:
    """The entry, its state, and how it came to be."""
    entry = entry_of(observation)
    said = []
    if "lo" in observation.raw:
        check_fields(observation, entry)
        expect("encoding", raw.encoded(entry), (observation.number("lo"), observation.number("hi")))
        said.append("decodes field for field")
    if "state" in observation.decoded:
        expect("state", page_state(entry).value, observation.decoded["state"])
        said.append(f"is {page_state(entry).value}")
    if "tag" in observation.decoded:
        expect("tag", (tag_of(entry), untagged(entry)), (observation.decoded["tag"], observation.decoded["low"]))
    if "G_2M_aligned" in observation.decoded:
        expect("alignment", (offset_of(entry.gfn), offset_of(observation.number("hpa") >> PAGE_SHIFT)), (0, 0))
    if "index" in observation.decoded:
        expect("index", index_of(observation.number("hpa")), observation.decoded["index"])
        said.append("stands at the page's index")
    said += history(observation, entry)
    return ", ".join(said)


def entry_of(observation: Observation) -> RmpEntry:
    """The entry that was printed, raw or field by field."""
    if "lo" in observation.raw:
        return decoded(observation.number("lo"), observation.number("hi")).entry
    fields = {LETTERS[letter]: value for letter, value in observation.raw.items() if letter in LETTERS}
    numbers = {name: int(value, 16) if isinstance(value, str) else value for name, value in fields.items()}
    flags = {LETTERS[letter]: bool(numbers.get(LETTERS[letter], 0)) for letter in FLAGS}
    return replace(UNASSIGNED, **(numbers | flags))


def check_fields(observation: Observation, entry: RmpEntry) -> None:
    """Every field that was worked out by hand."""
    for letter, name in LETTERS.items():
        wanted = observation.decoded[letter]
        expect(name, int(getattr(entry, name)), int(wanted, 16) if isinstance(wanted, str) else wanted)
    for vmpl, mask in enumerate(observation.decoded["P"]):
        expect(f"VMPL{vmpl}", entry.masks.of(vmpl), int(mask, 16))


def index_of(spa: int) -> int:
    """The position of a page's entry behind the bookkeeping area."""
    return entry_address(replace(blank(RmpLayout), end=ALL_ONES), spa) - BOOKKEEPING_SIZE >> ENTRY_SHIFT


def assigned(platform: Platform, *, gpa: int, asid: int, immutable: bool) -> Outcome:
    """RMPUPDATE of a hypervisor page, 4 KiB."""
    op = replace(
        blank(RmpUpdate), cpu=HOST_CPU, spa=ANY_PAGE << PAGE_SHIFT, gpa=gpa, assigned=True,
        page_size=PageSize.SIZE_4K, immutable=immutable, asid=asid,
    )  # fmt: skip
    return rmpupdate(initialised(platform), op)


def history(observation: Observation, entry: RmpEntry) -> list[str]:
    """Steps of the model that leave what was seen."""
    gpas = {"hw-004": entry.gfn << PAGE_SHIFT, "hw-006": 0, "hw-011": ALL_ONES, "hw-012": ALL_ONES}
    if observation.id not in gpas:
        return []
    platform, gpa = observation.platform, gpas[observation.id]
    outcome = assigned(platform, gpa=gpa, asid=entry.asid, immutable=entry.immutable)
    made: RmpEntry = outcome.system.rmp[ANY_PAGE]
    expect("RMPUPDATE", outcome.result, Eax.SUCCESS)
    expect("stored address", made.gfn, entry.gfn)
    if "hi" in observation.raw:
        expect("masks", made.masks, entry.masks)
        expect("lock", made.lock, entry.lock)
    return ["RMPUPDATE leaves these bits"]
