"""The picture of the page states is the derived graph's."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from proofs.page_state_graph import edges_in, page_state_graph
from sevspec.drawing import FILE, LEFT_OUT, PLACES, drawing, main, svg, title
from spec.vocabulary import PageState


def test_committed_picture_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == svg(), "run python -m sevspec.drawing"


def test_picture_has_every_state_and_every_command() -> None:
    texts = {element.text for element in ElementTree.fromstring(svg()).iter() if element.tag.endswith("text")}
    commands = {edge.command for edge in edges_in(page_state_graph().named)} - set(LEFT_OUT)
    assert texts >= {state.value for state in PLACES}
    assert texts >= {title(command) for command in commands if not command.startswith("virt_")}


def test_every_state_with_an_edge_has_a_place() -> None:
    assert set(PLACES) == set(PageState) - {PageState.INVALID, PageState.DEFAULT}


def test_nothing_lies_on_another_box() -> None:
    boxes, _, labels = drawing()
    for one in boxes:
        for other in boxes:
            apart = abs(one.middle - other.middle) > (one.width + other.width) / 2
            assert one is other or apart or abs(one.y - other.y) > (one.height + other.height) / 2
        for label in labels:
            inside = one.x < label.x < one.x + one.width and one.y < label.y - 4 < one.y + one.height
            assert not inside, label


def test_check_says_what_is_out_of_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], FILE.with_suffix(".absent")) == 1
    assert "python -m sevspec.drawing" in capsys.readouterr().out
    assert main(["--check"]) == 0


def test_picture_is_written_where_it_is_missing(tmp_path: Path) -> None:
    assert main([], tmp_path / "figures" / "page-states.svg") == 0
    assert (tmp_path / "figures" / "page-states.svg").read_text(encoding="utf-8") == svg()


def test_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--draw"]) == 2
    assert capsys.readouterr().err.startswith("error:")
