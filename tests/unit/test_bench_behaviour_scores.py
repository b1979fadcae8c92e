"""The behavioural suite gives models with known answers the scores that they deserve."""

from __future__ import annotations

import pytest
from sentiment_fixtures import model_folder

from benchmarks import card, experiments
from benchmarks.behaviour import Case, cases, measuring
from benchmarks.behaviour.__main__ import main
from benchmarks.behaviour.measuring import Answer, failed, first_of_each, rows
from sentiment.evaluation.metrics import wilson_interval


def case(expectation: str, texts: int = 1, capability: str = "some", group: str = "opinions") -> Case:
    return Case("reported", group, capability, tuple(f"{capability} {n}" for n in range(texts)), expectation)


@pytest.mark.parametrize(
    ("expectation", "probability", "unsure", "verdict"),
    [
        ("positive", 0.5, False, False),
        ("positive", 0.49, False, True),
        ("positive", 0.6, True, False),
        ("negative", 0.49, True, False),
        ("negative", 0.9, None, True),
        ("not negative", 0.2, True, False),
        ("not negative", 0.2, False, True),
        ("not negative", 0.2, None, True),
        ("not positive", 0.2, None, False),
        ("not positive", 0.8, False, True),
        ("no opinion", 0.9, True, False),
        ("no opinion", 0.5, False, True),
        ("no opinion", 0.5, None, None),
    ],
)
def test_an_answer_to_one_text(expectation, probability, unsure, verdict):
    assert failed(case(expectation), [Answer(probability, unsure)]) is verdict


@pytest.mark.parametrize(
    ("expectation", "first", "second", "verdict"),
    [
        ("same", 0.7, 0.79, False),
        ("same", 0.7, 0.81, True),
        ("same", 0.51, 0.49, True),
        ("higher", 0.3, 0.45, False),
        ("higher", 0.3, 0.35, True),
        ("higher", 0.88, 0.95, False),
        ("lower", 0.9, 0.7, False),
        ("lower", 0.9, 0.85, True),
        ("lower", 0.12, 0.05, False),
        ("not higher", 0.3, 0.39, False),
        ("not higher", 0.3, 0.45, True),
        ("not lower", 0.3, 0.25, False),
        ("not lower", 0.3, 0.15, True),
    ],
)
def test_the_answers_to_two_texts(expectation, first, second, verdict):
    assert failed(case(expectation, 2), [Answer(first, False), Answer(second, False)]) is verdict


def by_title(found: list[dict]) -> dict[str, dict]:
    return {row["title"]: row for row in found}


def test_a_model_that_always_says_positive_fails_all_that_is_not():
    chosen = cases("reported")
    found = by_title(rows(chosen, {"fast": lambda texts: [Answer(0.95, False)] * len(texts)}))
    shares = {title: row["models"]["fast"]["share"] for title, row in found.items()}
    assert (shares["plain praise"], shares["plain blame"]) == (0, 1)
    assert (shares["negated blame"], shares["negated praise"]) == (0, 1)
    assert shares["but"] == shares["... contrastive"] == 0.5
    assert (shares["letter case"], shares["other languages"], shares["adding praise"]) == (0, 1, 0)
    assert (shares["adding not to praise"], shares["adding not to blame"]) == (1, 0)
    assert (shares["... that get no sure verdict"], shares["Texts without an opinion"]) == (0, 1)
    of_all = found["Sentences with an opinion"]
    figures = of_all["models"]["fast"]
    assert figures["interval"] == list(wilson_interval(figures["failures"], of_all["cases"]))


def test_a_model_that_knows_every_answer_fails_nowhere_and_one_that_is_never_sure_only_there():
    chosen = [each for each in cases("reported") if len(each.texts) == 1]
    right = {each.texts[0]: each.expectation for each in chosen}

    def knowing(texts: list[str]) -> list[Answer]:
        return [
            Answer(float("positive" in right[text]), right[text] not in ("positive", "negative"))
            for text in texts
        ]

    def doubting(texts: list[str]) -> list[Answer]:
        return [answer._replace(unsure=True) for answer in knowing(texts)]

    found = rows(chosen, {"best": knowing, "fast": doubting})
    assert {row["models"]["best"]["failures"] for row in found} == {0}
    lost = [row["title"] for row in found if row["models"]["fast"]["failures"]]
    assert lost == ["... that get no sure verdict"]


def test_a_reference_is_not_asked_for_what_it_cannot_say():
    found = by_title(rows(cases("reported"), {"nb-lr": lambda texts: [Answer(0.2, None) for _ in texts]}))
    assert found["gibberish"]["models"]["nb-lr"] is None
    assert found["... that get no sure verdict"]["models"]["nb-lr"] is None
    assert measuring.cells(found["gibberish"])[3:] == ["-", "-", "-", "-"]
    *others, last = measuring.cells(found["plain blame"])[3:]
    assert others == ["-", "-", "-"] and last.startswith("0.0% (0.0% to ")


def test_sarcasm_is_reported_but_counts_in_no_set():
    chosen = [case("negative", capability="sarcasm"), case("negative"), case("positive", capability="other")]
    found = by_title(rows(chosen, {"fast": lambda texts: [Answer(0.9, False) for _ in texts]}))
    assert found["sarcasm"]["models"]["fast"]["failures"] == 1
    assert (found["Sentences with an opinion"]["cases"], found["some"]["cases"]) == (2, 1)


def test_every_text_is_asked_once():
    asked = []

    def answer(texts: list[str]) -> list[Answer]:
        asked.extend(texts)
        return [Answer(0.5, True) for _ in texts]

    rows([case("same", 2), case("positive")], {"fast": answer})
    assert sorted(asked) == ["some 0", "some 1"]


def test_a_quick_run_has_the_first_cases_of_every_capability():
    chosen = first_of_each(cases("reported"), 5)
    assert len(chosen) == 5 * len({each.capability for each in cases("reported")})


def test_the_table_has_a_column_for_each_model_and_says_what_references_lack():
    figures = rows(
        first_of_each(cases("reported"), 2), {"fast": lambda texts: [Answer(0.9, False) for _ in texts]}
    )
    result = {"quick": True, "measured": "2026-01-02 10:00", "machine": experiments.machine.describe()}
    result["rows"] = figures
    text = card.BLOCKS["behaviour"]({"experiments": {"behaviour": result}})
    assert "| capability | test | cases | `best` | `fast` | TF-IDF + LR | NB-weighted LR |" in text
    assert "| plain blame | MFT | 2 | - | 100.0% (34.2% to 100.0%) | - | - |" in text
    for told in (text, experiments.document("behaviour", result)):
        assert "A reference has no unsure answer" in told and "QUICK RUN" in told


@pytest.mark.slow
def test_a_model_folder_is_scored_on_the_tuning_part(capsys):
    folder = model_folder("fast")
    capsys.readouterr()  # the training of a model that no test needed before
    assert main([str(folder), "--failures", "emoji"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["capability", "test", "cases", "failed"]
    assert any(line.startswith("plain praise") for line in printed)
    told = [line for line in printed if line.startswith("emoji, ")]
    assert told and all(" (0." in line for line in told)


def test_a_folder_without_a_model_is_an_error_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")
