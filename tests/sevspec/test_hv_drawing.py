"""The pictures of the #HV handler and of nesting are those of the state graph."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from proofs.hv_graph import instance
from sevspec.hv_drawing import FOLDER, PICTURES, PLACES, level, main, svg, words_of
from spec.hv.points import Point


def texts(name: str) -> set[str | None]:
    return {element.text for element in ElementTree.fromstring(svg(name)).iter() if element.tag.endswith("text")}


@pytest.mark.parametrize("name", PICTURES)
def test_committed_picture_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == svg(name), "run python -m sevspec.hv_drawing"


def test_every_instruction_that_is_reached_has_a_place() -> None:
    reached = {Point(state.cpu.pc) for state in instance().states}
    assert set(PLACES) == reached
    assert texts("hv-handler.svg") >= {point.name for point in reached}


def test_every_level_of_nesting_is_drawn() -> None:
    assert texts("hv-nesting.svg") >= {words_of(level(state)) for state in instance().states}


@pytest.mark.parametrize("name", PICTURES)
def test_no_box_lies_on_another(name: str) -> None:
    boxes, _ = PICTURES[name][0]()
    for one in boxes:
        for other in boxes:
            apart = abs(one.middle - other.middle) > (one.width + other.width) / 2
            assert one is other or apart or abs(one.y - other.y) > (one.height + other.height) / 2


def test_check_says_what_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"], tmp_path) == 1
    assert "python -m sevspec.hv_drawing" in capsys.readouterr().out
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--draw"]) == 2
    assert capsys.readouterr().err.startswith("error:")
