"""Votes as data: what a model should not learn from is left out, and a part is held back."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace

import pytest

from sentiment.data import votes
from sentiment.data.votes import Vote, clean
from sentiment.errors import DatasetError

SUBJECTS = ("plot", "cast", "score", "ending", "camera", "script", "lead", "pace", "humour", "set")
PLACES = ("Rome", "Lima", "Oslo", "Cairo", "Delhi", "Quito", "Minsk", "Turin", "Accra", "Perth")


@dataclass(frozen=True)
class Seen:
    """A verdict: by the word "good" or "bad" in the text, surely."""

    probability: float
    reason: str | None = None


def judge(texts):
    return [
        Seen(0.95 if "good" in text else 0.05, "no_evidence" if "list" in text else None) for text in texts
    ]


def vote(
    review: str, given: str = "up", sentiment: str | None = None, number: int = 0, hour: int = 9
) -> Vote:
    said = sentiment or ("positive" if "good" in review else "negative")
    time = f"2026-11-{1 + number % 28:02}T{hour:02}:00:00Z"
    return Vote(f"id-{review}-{given}-{number}", time, review, said, "m", given)


def honest(count: int, seed: int = 0) -> list[Vote]:
    """Votes for verdicts that are right, on texts that are all different."""
    made = random.Random(seed)
    texts = {}
    while len(texts) < count:
        words = [*made.sample(SUBJECTS, 4), *made.sample(PLACES, 4), made.choice(("good", "bad"))]
        made.shuffle(words)
        texts[f"{' '.join(words)} {len(texts)}"] = None
    return [vote(text, number=number) for number, text in enumerate(texts)]


def cleaned(given, known=(), limit=10_000, trusted=()):
    return clean(given, known, judge, limit, trusted)


def test_a_vote_says_what_the_verdict_should_have_been():
    labels = [
        vote("x", given, sentiment).label
        for sentiment in ("positive", "negative")
        for given in ("up", "down")
    ]
    assert labels == [1, 0, 0, 1]


def test_obviously_wrong_votes_are_left_out_and_counted():
    fine = honest(20)
    wrong = [
        vote("A good film of the test set."),
        vote("A good one, some say."),
        vote("a good one,  some SAY.", "down"),
        vote("A good copy to paste."),
        vote("A good copy to paste.", number=3),
        vote("a list: milk, eggs"),
    ]
    found = cleaned([*fine, *wrong], known={"a good film of the test set."})
    assert {each.review for each in found.votes} == {each.review for each in fine} | {"A good copy to paste."}
    assert {reason: count for reason, count in found.left_out.items() if count} == {
        "known texts": 1,
        "voted both ways": 2,
        "copies": 1,
        "no opinion": 1,
    }


def test_of_near_duplicates_a_few_are_kept():
    form = "I saw this good film on a rainy day in {} and I would not call it anything else"
    flood = [vote(form.format(place), number=number) for number, place in enumerate(PLACES)]
    found = cleaned([*honest(20), *flood])
    assert found.left_out["close to others"] == len(PLACES) - votes.ALIKE
    assert len(found.votes) == 20 + votes.ALIKE


def test_an_hour_that_brings_far_more_than_usual_counts_for_no_more_than_a_busy_one():
    usual = honest(200)
    flood = [
        replace(each, id=f"flood-{each.id}", time="2026-11-05T03:00:00Z", review=f"{each.review} x")
        for each in honest(150, seed=7)
    ]
    found = cleaned([*usual, *flood])
    stayed = sum(each.time == "2026-11-05T03:00:00Z" for each in found.votes)
    assert stayed == votes.MIN_BURST and found.left_out["bursts"] == 150 - votes.MIN_BURST
    again = cleaned([*flood, *usual])
    assert {each.id for each in again.votes} == {each.id for each in found.votes}, "not who comes first"


@pytest.mark.parametrize("word", ["Oslo", "zorblax"])
def test_votes_against_sure_verdicts_about_one_word_are_a_campaign(word):
    """A word of the reviews, which honest votes have too, and one that nobody else writes."""
    against = [
        vote(f"{each.review} {word}", "down", number=number) for number, each in enumerate(honest(50, seed=9))
    ]
    found = cleaned([*honest(200), *against])
    assert [each["word"] for each in found.campaigns] == [word.lower()]
    assert found.left_out["campaigns"] == 50 and len(found.votes) == 200
    trusted = cleaned([*honest(200), *against], trusted=[word.lower()])
    assert trusted.campaigns == [] and len(trusted.votes) == 250


def test_correct_votes_against_the_model_on_many_subjects_are_kept():
    corrections = [
        vote(each.review + " !", "down", number=number) for number, each in enumerate(honest(20, seed=4))
    ]
    found = cleaned([*honest(200), *corrections])
    assert found.campaigns == [] and len(found.votes) == 220


def test_votes_stay_within_their_share_and_a_fifth_is_held_back():
    given = honest(300)
    found = cleaned(given, limit=200)
    assert len(found.votes) == 200 and found.left_out["beyond their share"] == 100
    table = found.reviews()
    assert 20 <= (table.split == "test").sum() <= 60
    every = cleaned(given).reviews()
    side = dict(zip(every.texts, every.split, strict=True))
    assert all(side[text] == split for text, split in zip(table.texts, table.split, strict=True))


def test_without_votes_there_is_nothing():
    assert cleaned([]).votes == []


def test_votes_are_read_as_they_were_kept_and_cleaned_ones_as_they_were_written(tmp_path):
    day = tmp_path / "date=2026-11-28"
    day.mkdir()
    kept = {"id": "1", "time": "2026-11-28T09:00:00Z", "review": "Très 🎬", "sentiment": "positive"}
    kept |= {"probability": 0.9, "model": "m", "vote": "down"}
    (day / "1.json").write_text(json.dumps(kept))
    [read] = votes.read(tmp_path)
    assert (read.review, read.label) == ("Très 🎬", 0)
    table = cleaned(honest(20)).reviews()
    votes.write(table, tmp_path / "cleaned.jsonl")
    assert votes.load(tmp_path / "cleaned.jsonl").fingerprint() == table.fingerprint()
    assert (tmp_path / "cleaned.jsonl").stat().st_mode & 0o077 == 0
    for broken in (kept | {"vote": "sideways"}, {"id": "1"}, [], None):
        (day / "1.json").write_text(json.dumps(broken) if broken is not None else "[" * 100_000)
        with pytest.raises(DatasetError, match=r"1\.json: not a vote .*; delete it"):
            votes.read(tmp_path)
