"""The specification's side of a setting: platform, rules, the guest's habits, and a scene in which nothing runs yet."""

from sevspec.attacks.entry import Column
from sevspec.attacks.setting import Setting
from spec.features import GENERATIONS, GENOA, Platform
from spec.guest.ghost import no_ghosts
from spec.guest.given import NOTHING
from spec.guest.world import CAREFUL, Guest, World
from spec.maps import Map
from spec.memory.rules import Rules
from spec.memory.state import Alias, Habits, Scene, no_memory, nothing_written
from spec.record import replace
from spec.rmp.entry import UNASSIGNED
from spec.system.initial import booted
from spec.vmpl.permissions import reset_masks
from spec.vocabulary import PlatformState

CONTEXT, NEXT_CONTEXT = 0x30000, 0x30001
"""Pages of guest contexts."""
VMCBS = {"main": 0x20004, "other": 0x20005, "attacker": 0x20006}
VMSAS = {"main": 0x30004, "other": 0x30005, "attacker": 0x30006}
VMSA_FRAMES = {"main": 0x10, "other": 0x11, "attacker": 0x12}
RMP_PAGE = 0x200
"""The page of the RMP that holds the entries of the pages of a trace."""
RESPONSE = 0x20002
"""The response page of guest requests."""
SPARE = 0x20010
"""A page of the hypervisor's own."""

FIELD_OF = {
    "R1": "registers_encrypted",
    "R2": "registers_checked",
    "R4": "host_writes_checked",
    "R5": "owner_checked",
    "R6": "validated_checked",
    "R7": "sizes_checked",
    "R9": "levels_checked",
    "R17": "policy_enforced",
    "R19": "devices_checked",
    "R25": "asids_exclusive",
}
"""Rules that are there unless they are left out."""
GENERATION_FIELD_OF = {"R13": "translations_tracked", "R22": "tweak_secret"}
"""Rules that a generation may not have."""
LIFTED_FIELD_OF = {
    "X-drop": "lines_kept",
    "X-stale": "lines_coherent",
    "X-alias": "decode_injective",
    "X-phys": "bus_closed",
}


def platform_of(setting: Setting) -> Platform:
    """The generation."""
    return {Column.SEV: GENERATIONS["SEV"], Column.ES: GENERATIONS["SEV-ES"]}.get(setting.column, GENOA)


def rules_of(setting: Setting) -> Rules:
    """Which rules of hardware and firmware are kept."""
    fields = {field: not setting.lacks(rule) for rule, field in FIELD_OF.items()}
    fields |= {field: setting.keeps(rule) for rule, field in GENERATION_FIELD_OF.items()}
    fields |= {field: not setting.lifts(name) for name, field in LIFTED_FIELD_OF.items()}
    fields["ciphertexts_unlike"] = setting.keeps("R23") or "X-cteq" not in setting.relax
    return replace(Rules(), **fields)


def habits_of(setting: Setting) -> Habits:
    """Which rules about contents, caches and translations the guest keeps."""
    flushes = setting.keeps("S17")
    return Habits(
        flushes_after_rescinding=flushes,
        flushes_after_reducing=flushes,
        zeroes_before_granting=setting.keeps("S3"),
        flushes_own_tables=flushes,
        evicts_on_accepting=setting.keeps("S18"),
    )


def first_scene(setting: Setting, alias: tuple[int, int] | None) -> Scene:
    """Firmware is initialised, every page is the hypervisor's, and nothing is launched."""
    platform = platform_of(setting)
    system = booted(platform)
    free = replace(UNASSIGNED, masks=reset_masks(platform))
    firmware = replace(system.firmware, state=PlatformState.INIT)
    system = replace(system, rmp=Map(free), firmware=firmware)
    discipline = replace(
        CAREFUL,
        tracks_acceptance=setting.keeps("S1"),
        checks_carry_on_rescind=setting.keeps("S2"),
        stops_on_unvalidated=setting.keeps("S22"),
    )
    guest = Guest(CONTEXT, Map(True), Map(False), Map(NOTHING), Map(False), False, discipline)
    memory = no_memory()
    if alias is not None:
        memory = replace(memory, alias=Alias(*alias))
    world = World(system, guest, no_ghosts())
    return Scene(world, memory, nothing_written(), rules_of(setting), habits_of(setting))
