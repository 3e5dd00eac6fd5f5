"""`sevspec attack`: the ladder, or one attack step by step."""

from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from sevspec.attacks.catalogue import attack_named, attacks, relaxations, rules
from sevspec.attacks.entry import Attack, Column
from sevspec.attacks.ladder import Cell, cell, cells, document, form_with, runnable
from sevspec.attacks.narrative import coloured, most_telling, step_table, verdict_line
from sevspec.attacks.sequence import svg as picture
from sevspec.attacks.topics import attack_topic
from sevspec.refused import Refused
from sevspec.terminal import console, grid, print_json, print_topics

HELP = """Run published attacks as traces, in each generation, on specification and machine: the ladder, or one of them.

Examples:

    sevspec attack

    sevspec attack remap

    sevspec attack remap --without R5

    sevspec attack memory-alias --relax X-alias --column SNP --svg alias.svg
"""


def attack(
    name: Annotated[str, typer.Argument(help="An identifier (A03) or a name (remap); without one, the ladder.")] = "",
    without: Annotated[list[str] | None, typer.Option(help="Leave a rule out: R5, S1.")] = None,
    added: Annotated[
        list[str] | None, typer.Option("--with", help="Add a rule that the generation lacks: R22.")
    ] = None,
    relax: Annotated[list[str] | None, typer.Option(help="Lift an assumption: X-alias.")] = None,
    column: Annotated[str, typer.Option(help="SEV, ES, SNP, RI or PV; else all.")] = "",
    svg: Annotated[Path | None, typer.Option(help="Write one attack in one column as a sequence diagram.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    changed = rules_named(without, "--without"), rules_named(added, "--with"), relaxed(relax)
    columns = [column_named(column)] if column else list(Column)
    if not name:
        if svg is not None:
            raise Refused("--svg wants the name of one attack")
        return ladder(changed, columns, json)
    chosen = attack_named(name)
    if chosen is None:
        raise Refused(f"no attack is called '{name}'; `sevspec attack` lists them")
    return one(chosen, changed, columns, svg, json)


attack.__doc__ = HELP

Changed = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def rules_named(names: list[str] | None, option: str) -> tuple[str, ...]:
    """Rules that there are."""
    found = tuple(name.upper() for name in names or [])
    for name in found:
        if name not in rules():
            raise Refused(f"{option}: no rule is called '{name}'; `sevspec explain R5` explains one")
    return found


def relaxed(names: list[str] | None) -> tuple[str, ...]:
    """Relaxations that there are."""
    known = {name.lower(): name for name in relaxations()}
    for name in names or []:
        if name.lower() not in known:
            raise Refused(f"--relax: '{name}' is none of {', '.join(relaxations())}")
    return tuple(known[name.lower()] for name in names or [])


def column_named(name: str) -> Column:
    """A column."""
    if name.upper() not in Column.__members__:
        raise Refused(f"--column: '{name}' is none of {', '.join(Column.__members__)}")
    return Column[name.upper()]


def ladder(changed: Changed, columns: list[Column], json: bool) -> int:
    """Every attack; in JSON in all its forms."""
    if any(changed):
        found = [cell(a, form_with(a, *changed), c) for a in runnable() for c in columns]
    else:
        found = [one for one in cells(runnable(), all_forms=json) if one.column in columns]
    if json:
        print_json(document(found))
    else:
        console().print(matrix(found, columns))
        console().print(summary(found), soft_wrap=True)
        if not any(changed):
            console().print(others())
    return 0 if all(one.agrees for one in found) else 1


def matrix(found: list[Cell], columns: list[Column]) -> RichTable:
    """Attacks by columns, coloured."""
    drawn = RichTable(box=box.SIMPLE, title="the ladder", title_justify="left", title_style="italic", pad_edge=False)
    for heading in ("Id", "Attack", *(column.value for column in columns), "Stopped by"):
        drawn.add_column(heading, no_wrap=True)
    by_attack: dict[str, dict[Column, Cell]] = {}
    for one in found:
        by_attack.setdefault(one.attack.id, {})[one.column] = one
    for row in by_attack.values():
        entry = next(iter(row.values())).attack
        shown = [marked(row[column]) if column in row else Text() for column in columns]
        drawn.add_row(entry.id, entry.name, *shown, Text(", ".join(entry.rules)))
    return drawn


def marked(one: Cell) -> Text:
    """An outcome; with a mark where the two sides, or the catalogue, differ."""
    return coloured(one.outcome) if one.agrees else Text.assemble(coloured(one.outcome), (" ≠", "bold red"))


def summary(found: list[Cell]) -> str:
    """Counts."""
    differ = sum(not one.agrees for one in found)
    silent = sum(one.model is None for one in found)
    text = f"{len({one.attack.id for one in found})} attacks, {len(found)} cells; "
    text += f"{differ} disagree" if differ else "specification, machine and catalogue agree"
    return text + (f"; in {silent} the specification has no words for a step" if silent else "")


def others() -> RichTable:
    """The entries that do not run, and why."""
    drawn = RichTable(box=box.SIMPLE, title="not run", title_justify="left", title_style="italic", pad_edge=False)
    for heading in ("Id", "Attack", "In the model"):
        drawn.add_column(heading, overflow="fold")
    for entry in attacks():
        if not entry.runs:
            drawn.add_row(entry.id, entry.name, entry.status)
    return drawn


def one(chosen: Attack, changed: Changed, columns: list[Column], svg: Path | None, json: bool) -> int:
    """One attack; what it is, what came of it, and one cell step by step."""
    if not chosen.runs:
        if json:
            print_json(document([]))
        else:
            print_topics([attack_topic(chosen)])
        return 0
    form = form_with(chosen, *changed)
    found = [cell(chosen, form, column) for column in columns]
    telling = most_telling(found)
    if svg is not None:
        write(svg, telling)
    if json:
        print_json(document(found))
    else:
        show(chosen, found, telling)
    return 0 if all(one.agrees for one in found) else 1


def show(chosen: Attack, found: list[Cell], telling: Cell) -> None:
    """Text."""
    out = console()
    out.print(Text.assemble((f"{chosen.id} {chosen.name}", "bold"), f"  {chosen.title}"), soft_wrap=True)
    out.print(f"breaks {chosen.breaks}; published {chosen.published}", style="dim", soft_wrap=True)
    out.print(grid(step_table(telling)))
    for one_cell in found:
        out.print(verdict_line(one_cell), soft_wrap=True)


def write(path: Path, telling: Cell) -> None:
    """The picture."""
    try:
        path.write_text(picture(telling), encoding="utf-8")
    except OSError as error:
        raise Refused(f"--svg: cannot write {path}: {error.strerror}") from error
