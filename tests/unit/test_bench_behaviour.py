"""The behavioural suite: its two parts hold enough cases, share nothing, and are the same each time."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter, defaultdict

import pytest

from benchmarks.behaviour import PARTS, cases, forms, labelled, neutral, suite
from benchmarks.behaviour.templates import ARROW, SLOT, Template, filled, number_of, read_templates
from benchmarks.errors import BenchError
from sentiment.text.predecessor.stem import stem
from tests.conftest import PROJECT

FILES = (*suite.GROUPS, "bases")
ONE_SIDED = {"plain praise", "plain blame", "negated praise", "negated blame", "sarcasm"}
SHARED = (PROJECT / "benchmarks" / "behaviour" / "shared_words.txt").read_text(encoding="utf-8").split()


def lines(part: str, *groups: str) -> list[str]:
    """Everything that somebody wrote for these files of a part, without the slots."""
    return [SLOT.sub(" ", template.text) for group in groups for template in suite.templates(part, group)]


def content_words(texts: list[str]) -> set[str]:
    """The stems of the words that carry content; a letter written three times or more counts as one."""
    found = set()
    for text in texts:
        plain = re.sub(r"(.)\1{2,}", r"\1", text.lower())
        found |= {re.split("n't|'", word)[0] for word in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", plain)}
    return {stem(word) for word in found} - {stem(word) for word in SHARED} - {"ca", "wo", ""}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_enough_cases_of_every_kind(part):
    capabilities = Counter(case.capability for case in cases(part))
    assert len(cases(part)) >= 2000 and len(capabilities) >= 50
    assert min(capabilities.values()) >= 12
    assert {case.kind for case in cases(part)} == {"minimum functionality", "invariance", "direction"}
    assert len(labelled(part, "negation")) >= 200
    assert len(labelled(part, "contrast")) >= 100
    assert len(neutral(part)) >= 300


def test_both_parts_test_the_same_capabilities_but_for_sarcasm():
    tuning, reported = ({case.capability for case in cases(part)} for part in PARTS)
    assert reported - tuning == {"sarcasm"} and tuning <= reported


@pytest.mark.parametrize("part", PARTS)
def test_no_case_occurs_twice(part):
    found = Counter(case.texts for case in cases(part))
    assert [texts for texts, times in found.items() if times > 1] == []
    assert not any(len(case.texts) == 2 and case.texts[0] == case.texts[1] for case in cases(part))


def test_the_parts_share_no_text():
    tuning, reported = ({text for case in cases(part) for text in case.texts} for part in PARTS)
    assert tuning & reported == set()


def test_the_parts_share_no_content_word():
    english = [group for group in FILES if group != "languages"]
    of_part = []
    for part in PARTS:
        of_lists = [word for words in suite.words(part).values() for word in words]
        of_part.append(content_words(lines(part, *english) + of_lists))
    assert len(min(of_part, key=len)) > 400
    assert of_part[0] & of_part[1] == set()


def test_the_parts_share_no_word_of_other_languages_longer_than_an_article():
    tuning, reported = (
        {word for line in lines(part, "languages") for word in re.findall(r"[^\W\d_]{5,}", line.lower())}
        for part in PARTS
    )
    assert tuning & reported == set()


def test_no_word_that_both_parts_may_use_is_an_opinion():
    for part in PARTS:
        lists = suite.words(part)
        names = ("praise", "blame", "gem", "mess", "good", "poor", "classic", "flop", "cool", "fine", "foul")
        opinions = {word for name in names for word in lists.get(name, [])}
        assert len(opinions) > 20 and opinions & set(SHARED) == set()


def test_the_parts_share_no_template():
    def frames(part: str) -> set[str]:
        """The templates in lower case with all slots alike."""
        return {
            SLOT.sub("_", template.text).lower()
            for group in FILES
            for template in suite.templates(part, group)
        }

    assert frames("tuning") & frames("reported") == set()


@pytest.mark.parametrize("part", PARTS)
def test_labels_are_balanced_within_a_capability(part):
    counts: dict[str, Counter] = defaultdict(Counter)
    for case in cases(part):
        if len(case.texts) == 1 and case.expectation != "no opinion":
            counts[case.capability][case.expectation.removeprefix("not ")] += 1
    for capability, labels in counts.items():
        if capability not in ONE_SIDED:
            assert labels["positive"] == pytest.approx(labels["negative"], rel=0.1), capability
    total = Counter(label for _, label in labelled(part))
    assert total[0] == pytest.approx(total[1], rel=0.1)


@pytest.mark.parametrize("part", PARTS)
def test_every_slot_is_filled_and_every_word_used(part):
    texts = [text for case in cases(part) for text in case.texts]
    assert [text for text in texts if "{" in text or ARROW in text or text != text.strip()] == []
    together = "\n".join(texts).lower()
    unused = [word for words in suite.words(part).values() for word in words if word.lower() not in together]
    assert unused == []


@pytest.mark.parametrize("part", PARTS)
def test_articles_fit_the_words_that_follow(part):
    texts = [case.texts[0] for case in cases(part) if case.capability != "shuffled words"]
    assert re.findall(r"\ba [aeio]\w+|\ban [b-df-gj-np-tv-z]\w+", "\n".join(texts).lower()) == []


def test_the_cases_are_the_same_in_every_process():
    program = (
        "import hashlib; from benchmarks.behaviour import PARTS, cases;"
        "print(hashlib.sha256(repr([cases(part) for part in PARTS]).encode()).hexdigest())"
    )
    hashes = {
        subprocess.run(
            [sys.executable, "-c", program], cwd=PROJECT, check=True, capture_output=True, env=environment
        ).stdout
        for environment in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    }
    assert len(hashes) == 1


def test_what_a_caller_does_to_the_list_stays_with_the_caller():
    cases("tuning").clear()
    assert len(cases("tuning")) >= 2000


def test_an_unknown_part_is_refused_by_name():
    with pytest.raises(BenchError, match="no part 'test'; choose from tuning, reported"):
        cases("test")


def test_a_template_is_filled_with_each_word_in_turn_and_the_right_article():
    words = {"dish": ["apple", "pear", "plum"]}
    template = Template("food", 9, "positive", "{Dish}: a {dish} and a {dish.2}, not a pie.")
    texts = [text for (text,) in filled(template, words)]
    assert len(texts) == 3 and len(set(texts)) == 3
    assert any(text.startswith("Apple: an apple and a plum, not a pie.") for text in texts)


def test_both_texts_of_a_pair_get_the_same_words():
    words = {"dish": ["apple", "pear", "plum"]}
    pairs = list(filled(Template("food", 3, "lower", "A {dish}. => Not a {dish}."), words))
    assert ("An apple.", "Not an apple.") in pairs and ("A pear.", "Not a pear.") in pairs


def test_a_template_without_its_words_is_refused_by_name():
    with pytest.raises(BenchError, match=r"'A \{dish\}' needs the words 'dish'"):
        list(filled(Template("food", 1, "positive", "A {dish}"), {}))


def test_a_line_that_is_no_template_is_refused_with_its_place(tmp_path):
    file = tmp_path / "opinions.txt"
    file.write_text("[food *2]\n+ A pie.\nA cake.\n", encoding="utf-8")
    with pytest.raises(BenchError, match=r"opinions\.txt:3: 'A cake\.' is neither"):
        read_templates(file)


def test_forms_change_what_they_name_and_nothing_else():
    text = "It isn't fine, and I'm off."
    second = {name: [pair[1] for pair in form(text)] for name, form in forms.FORMS.items()}
    assert second["apostrophes of other forms"][0] == "It isn’t fine, and I’m off."
    assert len(second["apostrophes of other forms"]) == 5
    assert second["apostrophes left out"] == ["It isnt fine, and Im off."]
    assert second["contractions written out"] == ["It is not fine, and I am off."]
    assert second["letter case"] == [text.upper(), text.lower()]
    assert second["punctuation"] == ["It isn't fine, and I'm off", "It isn't fine and I'm off."]
    assert second["full-width letters"][0].startswith("Ｉｔ　ｉｓｎ＇ｔ")
    assert [ord(letter) for letter in second["typography"][1]].count(0xFB01) == 1
    assert all(pair[0] != pair[1] for form in forms.FORMS.values() for pair in form(text))


def test_forms_leave_alone_what_would_become_another_word_or_bad_grammar():
    assert list(forms.no_apostrophes("We're sure she'll like it.")) == []
    assert list(forms.expanded_contractions("Why didn't they stop?")) == []
    assert list(forms.apostrophes("No contraction here.")) == []


def test_a_typing_error_exchanges_two_letters_of_one_word():
    ((text, changed),) = forms.typing_errors("The soundtrack alone is good.")
    assert text != changed and sorted(text) == sorted(changed)
    assert sum(a != b for a, b in zip(text.split(), changed.split(), strict=True)) == 1


def test_numbers_of_a_key_are_the_same_on_every_machine():
    assert number_of("a", 1) == number_of("a", 1) != number_of("a", 2)
    assert number_of("suite") == 273691761819377
