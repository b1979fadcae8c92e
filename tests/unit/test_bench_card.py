"""The committed model card, table and pictures say what the committed figures say, and nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks import card, charts, table
from benchmarks.__main__ import DOCS, main
from benchmarks.errors import BenchError
from benchmarks.measure import contestants


@pytest.fixture(scope="module")
def committed() -> dict:
    return json.loads((DOCS / "benchmarks.json").read_text(encoding="utf-8"))


def test_the_cards_figures_are_those_of_the_committed_run(committed):
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    assert card.filled(text, committed) == text


def test_the_card_holds_every_block_once():
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    assert sorted(card.blocks_of(text)) == sorted(card.BLOCKS)


def test_no_figure_of_ours_stands_in_the_cards_own_text():
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    prose = re.sub(r"<!-- figures: .*?<!-- end of figures -->", "", text, flags=re.DOTALL)
    # The two thresholds, which are given, are the only shares that the prose may name.
    assert set(re.findall(r"\d+(?:\.\d+)? ?%", prose)) == {"85.4 %", "90 %"}


def test_a_changed_figure_changes_the_card(committed):
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    changed = json.loads(json.dumps(committed))
    row = next(row for row in changed["rows"] if row["name"] == changed["subject"])
    row["accuracy"]["test"]["accuracy"] = 0.1234
    assert "12.34%" in card.filled(text, changed)


def test_a_block_of_an_unknown_name_is_an_error(committed):
    with pytest.raises(BenchError, match="nonsense"):
        card.filled("<!-- figures: nonsense -->\n<!-- end of figures -->", committed)


def test_a_quick_run_says_that_it_is_one(committed):
    assert table.QUICK_NOTE in table.document(committed | {"quick": True})
    assert table.QUICK_NOTE in card.BLOCKS["summary"](committed | {"quick": True})
    assert table.QUICK_NOTE not in table.document(committed | {"quick": False})


def test_the_committed_table_is_that_of_the_committed_run(committed):
    assert (DOCS / "benchmarks.txt").read_text(encoding="utf-8") == table.document(committed)


def test_the_committed_run_has_all_that_take_part(committed):
    assert [row["name"] for row in committed["rows"]] == list(contestants())


def test_the_pictures_are_drawn_alike_each_time_and_load_nothing(committed, tmp_path):
    names = charts.draw(committed, tmp_path / "one")
    assert names == charts.draw(committed, tmp_path / "two")
    for name in names:
        drawn = (tmp_path / "one" / name).read_bytes()
        assert drawn == (tmp_path / "two" / name).read_bytes()
        assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
        links = re.findall(rb'(?:href|src)="(?!#|data:)([^"]*)"', drawn)
        assert links == [] and (DOCS / name).is_file()


def test_quotes_cannot_break_the_card():
    assert card._escaped("a *b* | <i> [x](y)") == r"a \*b\* \| \<i\> \[x\](y)"


def test_an_unknown_row_is_refused_before_anything_runs(capsys):
    assert main(["nonsense"]) == 1
    assert "no nonsense; choose of predecessor, xgboost" in capsys.readouterr().err
