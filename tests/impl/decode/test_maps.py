"""The opcode maps: every line is read, no two lines claim the same encoding, and a wrong line is an error."""

from itertools import combinations

import pytest

from impl.decode.forms import takes_memory, takes_register
from impl.decode.notation import parsed
from impl.decode.rows import ATTRIBUTES, Row, parse
from tests.impl.decode.strings import every_row


def same_bytes(first: Row, second: Row) -> bool:
    """Whether some bytes are both, and neither row is the more special one."""
    special = [(row.opcode, row.reg, row.modrm, bool(row.prefixes)) for row in (first, second)]
    return (
        special[0] == special[1]
        and (not first.prefixes or bool(first.prefixes & second.prefixes))
        and (first.w is None or second.w is None or first.w == second.w)
        and (not first.lengths or not second.lengths or bool(first.lengths & second.lengths))
        and ((takes_memory(first) and takes_memory(second)) or (takes_register(first) and takes_register(second)))
        and not {"i64", "o64"} <= first.attributes | second.attributes
        and "rex-b" not in first.attributes | second.attributes
    )


def test_no_two_rows_are_the_same_encoding() -> None:
    by_map: dict[str, list[Row]] = {}
    for name, row in every_row():
        by_map.setdefault(name.removesuffix("_media"), []).append(row)
    found = [
        (name, first, second)
        for name, rows in by_map.items()
        for first, second in combinations(rows, 2)
        if first.opcode == second.opcode and same_bytes(first, second)
    ]
    assert not found


def test_there_are_maps_of_every_kind() -> None:
    names = {name for name, _ in every_row()}
    assert len(names) == 18
    assert len(every_row()) > 2_500


def test_operands_of_every_row_have_a_notation() -> None:
    for _, row in every_row():
        for text in row.operands:
            assert parsed(text).method


@pytest.mark.parametrize("text", ["Xq~", "q", "", "M/Rw"])
def test_unknown_operand_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="no operand notation"):
        parsed(text)


@pytest.mark.parametrize("line", ["00 add Eb,Gb lock", "00 add Eb,Gb : lok"])
def test_line_with_anything_unknown_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="not a row"):
        parse(line)


def test_every_attribute_is_used() -> None:
    used = {attribute for _, row in every_row() for attribute in row.attributes}
    assert used == set(ATTRIBUTES)


def test_range_of_opcodes_is_a_row_for_each() -> None:
    rows = parse("70-71 jo,jno Jb : d64")
    assert [(row.opcode, row.mnemonics) for row in rows] == [(0x70, ("jo",)), (0x71, ("jno",))]
