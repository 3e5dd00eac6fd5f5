"""An attack step by step, as text: who does what, and what each side answers."""

from rich.text import Text

from sevspec.attacks.entry import Column
from sevspec.attacks.judge import End
from sevspec.attacks.ladder import Cell, is_safe
from sevspec.attacks.play import Played
from sevspec.attacks.trace import ACTORS
from sevspec.topic import Table

COLOURS = {"unsafe": "bold red", "told": "yellow", "safe": "green", "none": "dim"}


def colour(outcome: str) -> str:
    """Red is lost, yellow tells of something and not of it all, green is safe."""
    if outcome in ("n/a", ""):
        return COLOURS["none"]
    if is_safe(outcome):
        return COLOURS["safe"]
    return COLOURS["told" if outcome.startswith("LEAK(") else "unsafe"]


def coloured(outcome: str) -> Text:
    """A cell."""
    return Text(outcome, style=colour(outcome))


def heading(cell: Cell) -> str:
    """Which cell it is."""
    assumed = f", assuming {', '.join(cell.attack.assumes)}" if cell.attack.assumes else ""
    return f"{cell.column.value}, {cell.form.words or 'every rule kept'}{assumed}"


def step_table(cell: Cell) -> Table:
    """The trace with both answers."""
    model = cell.model.played if cell.model else ()
    rows = []
    for number, played in enumerate(cell.machine.played, 1):
        told = model[number - 1] if number <= len(model) else None
        said = told.said if told else ""
        step = played.step
        rows.append((str(number), ACTORS[step.actor], step.call, said, played.said, step.words))
    return Table(heading(cell), ("Nr", "Actor", "Step", "Specification", "Machine", "What for"), rows)


def verdict_line(cell: Cell) -> Text:
    """What came of it, and what that rests on."""
    line = Text.assemble((cell.column.value, "bold"), "  ", coloured(cell.outcome))
    if cell.model is None:
        line.append(f"  the specification does not say: {cell.not_stated}", style="dim")
    elif cell.agrees:
        line.append("  specification and machine agree", style="dim")
    else:
        line.append(f"  DISAGREE: specification {cell.model.outcome}, expected {cell.expected}", style="bold red")
    if cell.backed_by not in ("run", "n/a"):
        line.append(f"; {cell.backed_by}", style="dim")
    return line


def stopped_at(played: tuple[Played, ...]) -> Played | None:
    """The first step that did not go through."""
    return next((one for one in played if one.answer is not None and one.answer.end is not End.DONE), None)


def most_telling(cells: list[Cell]) -> Cell:
    """The cell to tell step by step: SNP's, if it is there and is not n/a."""
    for wanted in (Column.SNP, Column.PV, Column.SEV):
        for cell in cells:
            if cell.column is wanted and cell.outcome != End.ABSENT.value:
                return cell
    return cells[0]
