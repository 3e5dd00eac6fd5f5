"""An attack as a sequence diagram: actors side by side, time downwards, each step an arrow to what it touches."""

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from sevspec.attacks.judge import End
from sevspec.attacks.ladder import Cell
from sevspec.attacks.narrative import heading
from sevspec.attacks.play import Played
from sevspec.attacks.trace import ACTORS

LEFT, APART, TOP, ROW, NOTE = 110, 190, 96, 46, 360
MEMORY = "memory"
FIRMWARE_WORDS = ("move", "debug_decrypt", "end_guest", "activate_other", "guest_request")
REGISTER_WORDS = ("force_exit", "vmrun", "vmcb_get", "vmcb_set", "attacker_asid", "attacker_walk", "load")
PROCESSOR, FIRMWARE = "processor", "firmware"
INK = {End.DONE: "#33415c", End.FAULT: "#2b8a3e", End.REJECT: "#2b8a3e", End.DETECT: "#2b8a3e"}
LOST, KEPT = "#c92a2a", "#2b8a3e"


@dataclass(frozen=True)
class Arrow:
    """One step."""

    y: int
    start: int
    end: int
    text: str
    said: str
    colour: str
    reached: bool


def target(played: Played) -> str:
    """Whom a step goes to."""
    action = played.step.action
    if action in FIRMWARE_WORDS:
        return FIRMWARE
    return PROCESSOR if action in REGISTER_WORDS else MEMORY


def lanes(cell: Cell) -> list[str]:
    """Who takes part, in the order of appearance; what is touched stands on the right."""
    actors = dict.fromkeys(ACTORS[played.step.actor] for played in cell.machine.played)
    return [*actors, *(name for name in dict.fromkeys(map(target, cell.machine.played)) if name not in actors)]


def arrows(cell: Cell, at: dict[str, int]) -> list[Arrow]:
    """Each step in its row."""
    found = []
    for number, played in enumerate(cell.machine.played):
        end = played.answer.end if played.answer else End.ABSENT
        found.append(
            Arrow(
                y=TOP + ROW * number,
                start=at[ACTORS[played.step.actor]],
                end=at[target(played)],
                text=played.step.call,
                said=played.said,
                colour=INK.get(end, "#868e96"),
                reached=played.answer is not None,
            )
        )
    return found


def svg(cell: Cell) -> str:
    """The picture of one cell, as the machine played it."""
    names = lanes(cell)
    at = {name: LEFT + APART * index for index, name in enumerate(names)}
    rows = arrows(cell, at)
    environment = Environment(
        loader=PackageLoader("sevspec"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("attack.svg.j2").render(
        title=f"{cell.attack.id} {cell.attack.name}: {cell.attack.title}",
        subtitle=heading(cell),
        width=LEFT + APART * len(names) + NOTE,
        height=TOP + ROW * len(rows) + 50,
        bottom=TOP + ROW * len(rows) - 10,
        lanes=at,
        rows=rows,
        notes=LEFT + APART * (len(names) - 1) + 60,
        outcome=cell.outcome,
        outcome_y=TOP + ROW * len(rows) + 24,
        outcome_colour=KEPT if cell.is_safe else LOST,
    )
