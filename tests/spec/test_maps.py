"""Tables: an update of every value at once."""

from spec.maps import Map


def test_each_changes_the_default_and_every_entry() -> None:
    table: Map[int, int] = Map(0)
    changed = table.set(3, 5).each(lambda value: value + 1)
    assert (changed[3], changed[4]) == (6, 1)


def test_each_forgets_entries_that_become_like_the_others() -> None:
    table: Map[int, int] = Map(0)
    assert list(table.set(3, 5).each(lambda _: 7).changed()) == []


def test_each_changes_a_base_that_is_a_function() -> None:
    table: Map[int, int] = Map.of(lambda key: key)
    changed = table.set(3, 0).each(lambda value: value * 2)
    assert (changed[3], changed[4]) == (0, 8)
