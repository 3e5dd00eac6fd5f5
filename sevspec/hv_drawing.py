"""docs/figures/hv-handler.svg and hv-nesting.svg: the #HV handler as it runs. `--check` says what is out of date.

Edges are those of the whole state graph of a small guest; only the places of the instructions are chosen here. The
nesting picture has a state for each number of interrupt handlers under way and of frames on the stack.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from proofs.hv_graph import StateGraph, instance
from sevspec.drawing import Box, Ink, Line, curve
from sevspec.source import ROOT
from spec.hv.points import Point
from spec.hv.world import HvWorld

FOLDER = ROOT / "docs" / "figures"
WIDTH = 1180
BOX = (136, 30)
STEP, TAKEN = Ink("the next instruction", "#0a6b2d", ""), Ink("#HV is taken", "#a33b00", "5 3")
BACK = Ink("IRET to what was interrupted", "#1f4e9e", "2 2")
PUSHED, POPPED = Ink("a frame is pushed", STEP.colour, STEP.dashes), Ink("a frame is popped", BACK.colour, BACK.dashes)
INKS = (STEP, TAKEN, BACK)

PLACES: dict[Point, tuple[float, float]] = {
    Point.CODE: (720, 60),
    Point.ENABLE_TEST: (1070, 60),
    Point.HALT_TEST: (280, 140),
    Point.HALT_JUMP: (280, 210),
    Point.HALT_ENABLE: (280, 280),
    Point.HALT: (280, 350),
    Point.HALT_END: (100, 245),
    Point.LEAVE_TEST: (450, 140),
    Point.LEAVE_JUMP: (450, 210),
    Point.LEAVE_REQUEST: (450, 280),
    Point.LEAVE: (450, 350),
    Point.LEAVE_END: (590, 245),
    Point.ENTRY: (720, 450),
    Point.POSTPONE_EVENTS: (450, 450),
    Point.POSTPONE: (200, 450),
    Point.CLEAR: (910, 450),
    Point.READ: (910, 530),
    Point.CONSUME: (910, 610),
    Point.DISPATCH: (910, 690),
    Point.FINISH: (1090, 690),
    Point.EOI_TEST: (1090, 610),
    Point.EOI: (1090, 530),
    Point.RESUME: (1090, 300),
    Point.RETURN_TEST: (620, 530),
    Point.RETURN_JUMP: (620, 600),
    Point.RETURN_LOAD: (620, 670),
    Point.RETURN_IRET: (620, 740),
}
"""Without a stack of its own for #HV, and with an atomic clear: the other two instructions are not reached."""


BENDS: dict[tuple[Point, Point], float] = {
    (Point.CODE, Point.ENTRY): -20,
    (Point.CODE, Point.RETURN_TEST): 0,
    (Point.CODE, Point.RETURN_LOAD): -50,
    (Point.RETURN_IRET, Point.CODE): 75,
    (Point.POSTPONE, Point.CODE): -40,
    (Point.READ, Point.RESUME): -60,
    (Point.DISPATCH, Point.ENABLE_TEST): 60,
    (Point.CODE, Point.FINISH): -40,
    (Point.HALT_END, Point.CODE): -30,
    (Point.RETURN_JUMP, Point.CLEAR): -10,
}


def arrows(graph: StateGraph) -> dict[tuple[Point, Point], Ink]:
    """Which instruction follows which. #HV is taken everywhere, and IRET leads everywhere: each is drawn once."""
    found = {
        (Point.CODE, Point.ENTRY): TAKEN,
        (Point.POSTPONE, Point.CODE): BACK,
        (Point.RETURN_IRET, Point.CODE): BACK,
    }
    for a, b in graph.graph.edges:
        first, second = Point(graph.states[a].cpu.pc), Point(graph.states[b].cpu.pc)
        elsewhere = second is Point.ENTRY or first in (Point.POSTPONE, Point.RETURN_IRET)
        if first is not second and not elsewhere:
            found[first, second] = STEP
    return found


def handler_picture() -> tuple[list[Box], list[Line]]:
    """The instructions and what follows each."""
    boxes = {point: Box(point.name, at, BOX, fill_of(point)) for point, at in PLACES.items()}
    known = arrows(instance())
    lines = []
    for (first, second), ink in sorted(known.items()):
        path, _, tip = curve(boxes[first], boxes[second], BENDS.get((first, second), 14))
        lines.append(Line(path, ink, tip))
    return list(boxes.values()), lines


def fill_of(point: Point) -> str:
    """Windows are shaded: a #HV inside one changes where the interrupted code goes on."""
    windows = ((Point.HALT_JUMP, Point.HALT), (Point.LEAVE_JUMP, Point.LEAVE), (Point.RETURN_JUMP, Point.RETURN_IRET))
    return "#f6d9c6" if any(first <= point <= last for first, last in windows) else "#f4f1e8"


def level(world: HvWorld) -> tuple[int, int]:
    """Interrupt handlers under way, and frames on the stack."""
    return world.cpu.nesting, world.depth


def nesting_picture() -> tuple[list[Box], list[Line]]:
    """How handlers and frames come and go, with two classes of vectors and an honest host."""
    graph = instance()
    pairs = {(level(graph.states[a]), level(graph.states[b])) for a, b in graph.graph.edges}
    steps = {(first, second) for first, second in pairs if first != second}
    boxes = {one: Box(words_of(one), place_of(one), (176, 34), "#f4f1e8") for pair in sorted(steps) for one in pair}
    lines = []
    for first, second in sorted(steps):
        path, _, tip = curve(boxes[first], boxes[second], 18)
        lines.append(Line(path, PUSHED if second[1] > first[1] else POPPED, tip))
    return list(boxes.values()), lines


def words_of(one: tuple[int, int]) -> str:
    """A state of the nesting picture."""
    handlers, frames = (f"{n} {what}{'' if n == 1 else 's'}" for n, what in zip(one, ("handler", "frame"), strict=True))
    return f"{handlers}, {frames}"


def place_of(one: tuple[int, int]) -> tuple[float, float]:
    """Handlers from left to right, frames from top to bottom."""
    return 150 + 290 * one[0], 80 + 100 * one[1]


PICTURES = {
    "hv-handler.svg": (handler_picture, "The #HV handler", INKS),
    "hv-nesting.svg": (nesting_picture, "Nested interrupt handlers and frames", (PUSHED, POPPED)),
}


def svg(name: str) -> str:
    """One picture."""
    picture, title, inks = PICTURES[name]
    boxes, lines = picture()
    environment = Environment(
        loader=PackageLoader("sevspec"), undefined=StrictUndefined, autoescape=True, keep_trailing_newline=True
    )
    height = max(box.y for box in boxes) + 110
    return environment.get_template("hv.svg.j2").render(
        width=WIDTH, height=height, boxes=boxes, lines=lines, actors=inks, title=title
    )


def main(arguments: list[str], folder: Path = FOLDER, names: Iterable[str] = PICTURES) -> int:
    """Write or check; exit code 1 if a picture is out of date, 2 for an unknown argument."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("error: python -m sevspec.hv_drawing takes nothing or --check\n")
        return 2
    code = 0
    for name in names:
        file, text = folder / name, svg(name)
        stale = not file.is_file() or file.read_text(encoding="utf-8") != text
        if arguments and stale:
            sys.stdout.write(f"docs/figures/{name} is out of date: run python -m sevspec.hv_drawing\n")
            code = 1
        elif stale:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
