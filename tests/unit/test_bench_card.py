"""The committed model card, table and pictures say what the committed figures say, and nothing else."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from benchmarks import card, charts, table
from benchmarks.__main__ import DOCS, DOCUMENTS, main
from benchmarks.errors import BenchError
from benchmarks.measure import contestants


@pytest.fixture(scope="module")
def committed() -> dict:
    return card.figures(DOCS)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_a_documents_figures_are_those_of_the_committed_run(document, committed):
    text = document.read_text(encoding="utf-8")
    assert card.filled(text, committed) == text


def test_the_card_holds_every_block_once_and_the_others_some():
    of_card, of_attempts, of_readme = (
        re.findall(r"<!-- figures: (.*) -->", document.read_text(encoding="utf-8")) for document in DOCUMENTS
    )
    assert sorted(of_card) == sorted(card.BLOCKS.keys() - {"measured", "attempts-in-full"})
    assert of_attempts == ["attempts-in-full"]
    assert of_readme == ["results", "measured"]


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


def test_the_calibration_is_told_of_short_texts_too_and_of_models_without_them_or_a_band(committed):
    changed = json.loads(json.dumps(committed))
    model = next(row for row in changed["rows"] if row["name"] == changed["subject"])["accuracy"]["model"]
    short = model["calibration"]["short_texts"]
    assert f"the error is {short['expected_calibration_error']:.2%}" in card.BLOCKS["calibration"](changed)
    del model["calibration"]["short_texts"]
    changed["calibration"]["test"]["unsure"] = changed["calibration"]["validation"]["unsure"] = None
    text = card.BLOCKS["calibration"](changed)
    assert text.startswith("This model has no unsure band.") and "short texts" not in text
    assert "| split | expected calibration error |\n" in text


def test_every_figure_of_a_seed_has_its_mean(committed):
    changed = json.loads(json.dumps(committed))
    row = next(row for row in changed["rows"] if row["name"] == "fast")
    row["seeds"] = [
        {"test": {"accuracy": each}, "negated": {"accuracy": each - 0.1}} for each in (0.9, 0.92, 0.94)
    ]
    text = card.BLOCKS["seeds"](changed)
    assert "| `fast`, test | 92.00% | 2.00% | 90.00%, 92.00%, 94.00% |" in text
    assert "| `fast`, negated | 82.00% |" in text


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
    measured, taking_part = [row["name"] for row in committed["rows"]], list(contestants())
    # Of a quick run, which must be replaced before anything is quoted, recipes made since may be missing.
    expected = [name for name in taking_part if name in measured] if committed["quick"] else taking_part
    assert measured == expected


@pytest.mark.slow
def test_the_committed_pictures_are_those_of_the_committed_run_and_load_nothing(committed, tmp_path):
    for name in charts.draw(committed, tmp_path):
        drawn, kept = ((folder / name).read_text(encoding="utf-8") for folder in (tmp_path, DOCS))
        assert ElementTree.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
        assert re.findall(r'(?:href|src)="(?!#|data:)([^"]*)"', drawn) == []
        (words, numbers), (kept_words, kept_numbers) = shapes(drawn), shapes(kept)
        assert words == kept_words
        assert numbers == pytest.approx(kept_numbers, abs=0.02)


def shapes(svg: str) -> tuple[list[str], list[float]]:
    """What a picture draws and its coordinates, apart from names made of hashes."""
    svg = re.sub(r'(id="|url\(#|href="#)[a-z][0-9a-f]{10}', r"\1", svg)
    return re.split(r"-?\d+(?:\.\d+)?", svg), [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", svg)]


def test_quotes_cannot_break_the_card():
    assert card._escaped("a *b* | <i> [x](y)") == r"a \*b\* \| \<i\> \[x\](y)"


def test_an_unknown_row_is_refused_before_anything_runs(capsys):
    assert main(["nonsense"]) == 1
    assert "no nonsense; choose from predecessor, xgboost" in capsys.readouterr().err
