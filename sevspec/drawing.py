"""docs/figures/page-states.svg: the derived graph of page states as a picture. `--check` says if it is out of date.

Edges are those that the proofs find; only the places of the states are chosen here. A command that takes each of
several states to each of several others is drawn as one knot with a line from each and an arrow to each.
"""

import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import hypot
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from proofs.page_state_graph import Edge, edges_in, page_state_graph
from sevspec.source import ROOT
from spec.vocabulary import Actor, PageState

FILE = ROOT / "docs" / "figures" / "page-states.svg"
WIDTH, HEIGHT = 1180, 740
BOX, KNOT = (132, 34), (92, 26)
BEND = 26
Point = tuple[float, float]

PLACES: dict[PageState, Point] = {
    PageState.FIRMWARE_IOMMU: (110, 60),
    PageState.RECLAIM: (110, 230),
    PageState.HYPERVISOR: (110, 470),
    PageState.HV_FIXED: (400, 60),
    PageState.FIRMWARE: (560, 170),
    PageState.CONTEXT: (1020, 60),
    PageState.METADATA: (1020, 230),
    PageState.PRE_GUEST: (620, 360),
    PageState.PRE_SWAP: (1020, 360),
    PageState.GUEST_INVALID: (620, 560),
    PageState.GUEST_VALID: (1020, 560),
}
KNOTS: dict[str, Point] = {"rmpupdate": (330, 400)}
"""Where the knot of a command stands."""
BENDS: dict[tuple[PageState, PageState], float] = {
    (PageState.METADATA, PageState.RECLAIM): 40,
    (PageState.FIRMWARE, PageState.HV_FIXED): 0,
    (PageState.FIRMWARE, PageState.CONTEXT): 34,
    (PageState.CONTEXT, PageState.FIRMWARE): 6,
    (PageState.FIRMWARE, PageState.METADATA): 2,
    (PageState.METADATA, PageState.FIRMWARE): 26,
    (PageState.PRE_SWAP, PageState.GUEST_VALID): 50,
    (PageState.GUEST_VALID, PageState.PRE_SWAP): 30,
    (PageState.FIRMWARE_IOMMU, PageState.RECLAIM): 0,
    (PageState.PRE_GUEST, PageState.GUEST_VALID): 30,
    (PageState.PRE_SWAP, PageState.GUEST_INVALID): 30,
}
KNOT_BENDS: dict[PageState, float] = {PageState.GUEST_VALID: 185}
LEFT_OUT = ("snp_init", "snp_init_ex")
"""They build the table anew and name no page."""


@dataclass(frozen=True)
class Ink:
    """How an actor's steps look."""

    name: str
    colour: str
    dashes: str


INKS = {
    Actor.HYPERVISOR: Ink("hypervisor", "#a33b00", ""),
    Actor.GUEST: Ink("guest", "#0a6b2d", "7 3"),
    Actor.FIRMWARE: Ink("firmware", "#1f4e9e", "2 2"),
}


@dataclass(frozen=True)
class Line:
    """One curve."""

    path: str
    actor: Ink
    tip: str = ""
    """The corners of the arrow head, where there is one."""


@dataclass(frozen=True)
class Box:
    """A state or a knot."""

    text: str
    centre: Point
    size: tuple[int, int]
    fill: str
    radius: int = 6

    @property
    def x(self) -> float:
        """The left edge."""
        return self.centre[0] - self.size[0] / 2

    @property
    def y(self) -> float:
        """The upper edge."""
        return self.centre[1] - self.size[1] / 2

    @property
    def width(self) -> int:
        """Of the rectangle."""
        return self.size[0]

    @property
    def height(self) -> int:
        """Of the rectangle."""
        return self.size[1]

    @property
    def middle(self) -> float:
        """Where the text is centred."""
        return self.centre[0]

    @property
    def baseline(self) -> float:
        """Where the text stands."""
        return self.centre[1] + 4

    def border(self, towards: Point) -> Point:
        """Where a straight line from the centre to a point leaves the box."""
        dx, dy = towards[0] - self.centre[0], towards[1] - self.centre[1]
        reach = min((side / 2 + 2) / abs(step) for side, step in zip(self.size, (dx, dy), strict=True) if step)
        return self.centre[0] + dx * reach, self.centre[1] + dy * reach


@dataclass(frozen=True)
class Label:
    """The commands of a curve."""

    x: float
    y: float
    texts: tuple[str, ...]
    actor: Ink


def edges() -> set[Edge]:
    """What is drawn: a command inside a guest is the one that it asks for, and is not drawn beside it."""
    every = edges_in(page_state_graph().named)
    return {
        edge
        for edge in every
        if edge.command not in LEFT_OUT
        and edge._replace(command=edge.command.removeprefix("virt_")) not in every - {edge}
    }


def title(command: str) -> str:
    """A command as the manuals spell it."""
    return command.upper()


def knotted(drawn: Iterable[Edge], command: str) -> tuple[set[PageState], set[PageState], set[Edge]]:
    """Sources and targets of a command that has every edge between them, and those edges."""
    own = {e for e in drawn if e.command == command}
    targets = {e.after for e in own if e.before is PageState.HYPERVISOR}
    sources = {b for b in {e.before for e in own} if targets <= {e.after for e in own if e.before is b} | {b}}
    return sources, targets, {e for e in own if e.before in sources and e.after in targets}


def round_to(point: Point) -> str:
    """Coordinates for a path."""
    return f"{point[0]:.1f},{point[1]:.1f}"


def control(start: Point, end: Point, bend: float) -> Point:
    """The control point of a curve that leaves the straight line to its left."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = hypot(dx, dy)
    return (start[0] + end[0]) / 2 + dy / length * bend * 2, (start[1] + end[1]) / 2 - dx / length * bend * 2


def head(tip: Point, behind: Point) -> str:
    """The corners of an arrow head at the end of a curve that comes from `behind`."""
    dx, dy = tip[0] - behind[0], tip[1] - behind[1]
    x, y = 9 * dx / hypot(dx, dy), 9 * dy / hypot(dx, dy)
    wings = (tip[0] - x - y * 0.4, tip[1] - y + x * 0.4), (tip[0] - x + y * 0.4, tip[1] - y - x * 0.4)
    return " ".join(round_to(point) for point in (tip, *wings))


def curve(start: Box, end: Box, bend: float) -> tuple[str, Point, str]:
    """A curve between two boxes, its middle, and its arrow head."""
    via = control(start.centre, end.centre, bend)
    a, b = start.border(via), end.border(via)
    middle = (a[0] + 2 * via[0] + b[0]) / 4, (a[1] + 2 * via[1] + b[1]) / 4
    return f"M{round_to(a)} Q{round_to(via)} {round_to(b)}", middle, head(b, via)


def loop(box: Box) -> tuple[str, Point, str]:
    """A curve from a box to itself, below it in the lower half of the picture."""
    side = 1 if box.centre[1] > HEIGHT / 2 + 20 else -1
    x, y = box.centre[0], box.centre[1] + side * (BOX[1] / 2 + 2)
    far = y + side * 40
    middle, end = (x, y + (42 if side > 0 else -36)), (x + 18, y)
    return f"M{x - 18},{y} C{x - 40},{far} {x + 40},{far} {round_to(end)}", middle, head(end, (x + 36, far))


def drawing() -> tuple[list[Box], list[Line], list[Label]]:
    """All boxes, curves and labels."""
    boxes = {state: Box(state.value, at, BOX, "#f4f1e8") for state, at in PLACES.items()}
    lines: list[Line] = []
    labels: list[Label] = []
    left = edges()
    knots = []
    for command, at in KNOTS.items():
        knot = Box(title(command), at, KNOT, "#ffffff", 13)
        knots.append(knot)
        sources, targets, done = knotted(left, command)
        left -= done
        ink = INKS[next(iter(done)).actor]
        lines += [Line(curve(boxes[s], knot, KNOT_BENDS.get(s, 12))[0], ink) for s in ordered(sources)]
        arrows = [curve(knot, boxes[t], 12) for t in ordered(targets)]
        lines += [Line(path, ink, tip) for path, _, tip in arrows]
    groups: dict[tuple[PageState, PageState, Actor], list[str]] = defaultdict(list)
    for edge in sorted(left, key=lambda e: (e.before.value, e.after.value, e.command)):
        groups[edge.before, edge.after, edge.actor].append(title(edge.command))
    for (before, after, actor), texts in groups.items():
        many = len({a for b, c, a in groups if (b, c) == (before, after)}) > 1
        bend = BENDS.get((before, after), BEND) + (24 if many and actor is not Actor.FIRMWARE else 0)
        path, (x, y), tip = loop(boxes[before]) if before is after else curve(boxes[before], boxes[after], bend)
        if before is after and many and actor is Actor.GUEST:
            y += 12
        lines.append(Line(path, INKS[actor], tip))
        labels.append(Label(round(x, 1), round(y - 6 * (len(texts) - 1) + 4, 1), tuple(texts), INKS[actor]))
    return [*boxes.values(), *knots], lines, labels


def ordered(states: Iterable[PageState]) -> list[PageState]:
    """Always in one order."""
    return sorted(states, key=lambda state: state.value)


def svg() -> str:
    """The picture."""
    environment = Environment(
        loader=PackageLoader("sevspec"), undefined=StrictUndefined, autoescape=True, keep_trailing_newline=True
    )
    boxes, lines, labels = drawing()
    template = environment.get_template("page-states.svg.j2")
    return template.render(
        width=WIDTH, height=HEIGHT, boxes=boxes, lines=lines, labels=labels, actors=list(INKS.values())
    )


def main(arguments: list[str], file: Path = FILE) -> int:
    """Write or check; exit code 1 if the picture is out of date, 2 for an unknown argument."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("error: python -m sevspec.drawing takes nothing or --check\n")
        return 2
    text = svg()
    stale = not file.is_file() or file.read_text(encoding="utf-8") != text
    if arguments and stale:
        sys.stdout.write(f"{file.relative_to(ROOT)} is out of date: run python -m sevspec.drawing\n")
        return 1
    if stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
