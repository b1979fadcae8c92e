"""Score models on the behavioural suite: the share of failed cases of every capability, and of whole sets.

A sentence with an opinion fails if the more probable verdict is wrong, even if the answer is unsure; unsure
answers are counted separately. References have no unsure answers, so cases that expect one are not measured
for them.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.behaviour.suite import LABELS, Case, cases
from benchmarks.measure import Bench
from benchmarks.worker import load
from sentiment.evaluation.metrics import wilson_interval
from sentiment.serving.predictor import Predictor

TOLERANCE = 0.1
"""By how much a probability may move and count as the same, or against its direction (CheckList's)."""
QUICK_CASES = 5
RECIPES = ("best", "fast")
REFERENCES = {"tfidf-lr": "TF-IDF + LR", "nb-lr": "NB-weighted LR"}
UNCOUNTED = ("sarcasm",)
"""Capabilities that are reported but in no set, because no model here is meant to have them."""
TESTS = {"minimum functionality": "MFT", "invariance": "INV", "direction": "DIR"}
COLUMNS = ("capability", "test", "cases", *(f"`{name}`" for name in RECIPES), *REFERENCES.values())
NOTE = (
    "Shares of failed cases with their 95 % Wilson intervals; the first rows are sets of the capabilities "
    "below them. MFT: a verdict, or none, as expected; INV: the same answer for another form of the text; "
    "DIR: the probability moves as expected, or not much against it. A reference has no unsure answer, so "
    "texts without an opinion are not measured for it (-). Sarcasm counts in no set."
)


class Answer(NamedTuple):
    """The probability of positive; `unsure` is None for a model that has no unsure answers."""

    probability: float
    unsure: bool | None


Answerer = Callable[[list[str]], Sequence[Answer]]


def measure(bench: Bench) -> dict[str, Any]:
    """A row for each set and capability of the reported part: recipes that are trained, and references."""
    answerers = {name: of_recipe(folder) for name, folder in bench.trained(RECIPES).items()}
    answerers |= {name: of_reference(bench.model_of(name)) for name in REFERENCES}
    chosen = cases("reported")
    if bench.quick:
        chosen = first_of_each(chosen, QUICK_CASES)
    return {"measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "rows": rows(chosen, answerers)}


def of_recipe(folder: Path) -> Answerer:
    """The answers of the model in a folder."""
    predictor = Predictor.from_folder(folder)
    return lambda texts: [Answer(each.probability, each.unsure) for each in predictor.predict(texts)]


def of_reference(folder: Path) -> Answerer:
    """The answers of a stored reference, which is never unsure."""
    probabilities, _ = load("reference", str(folder))
    return lambda texts: [Answer(float(each), None) for each in probabilities(texts)]


def first_of_each(chosen: Sequence[Case], count: int) -> list[Case]:
    """The first `count` cases of every capability."""
    taken: dict[str, int] = {}
    kept = []
    for case in chosen:
        taken[case.capability] = taken.get(case.capability, 0) + 1
        if taken[case.capability] <= count:
            kept.append(case)
    return kept


def rows(chosen: Sequence[Case], answerers: Mapping[str, Answerer]) -> list[dict[str, Any]]:
    """Failures of each model on the sets and on every capability; None where a model is not measured.

    A row has its `title`, `test` (MFT, INV, DIR or nothing for a set), `cases`, and by the model's name
    `failures`, their `share` and its 95 % `interval`. A set that has none of these cases has no row.
    """
    answers = {name: answered(chosen, answerer) for name, answerer in answerers.items()}
    counted = [case for case in chosen if case.capability not in UNCOUNTED]
    opinions = [case for case in counted if case.expectation in LABELS]
    sets: list[tuple[str, list[Case], Callable[[Case, list[Answer]], bool | None]]] = [
        ("Sentences with an opinion", opinions, failed),
        ("... negated", [case for case in opinions if case.group == "negation"], failed),
        ("... contrastive", [case for case in opinions if case.group == "contrast"], failed),
        ("... that get no sure verdict", opinions, lambda case, of_case: of_case[0].unsure),
        ("Texts without an opinion", [case for case in counted if case.expectation == "no opinion"], failed),
        ("Changed texts", [case for case in counted if len(case.texts) == 2], failed),
    ]
    capabilities: dict[str, list[Case]] = {}
    for case in chosen:
        capabilities.setdefault(case.capability, []).append(case)
    return [
        {"title": title, "test": "", "cases": len(members)} | _figures(members, answers, judge)
        for title, members, judge in sets
        if members
    ] + [
        {"title": name, "test": TESTS[members[0].kind], "cases": len(members)}
        | _figures(members, answers, failed)
        for name, members in capabilities.items()
    ]


def answered(chosen: Sequence[Case], answerer: Answerer) -> dict[str, Answer]:
    """The answer to every text of these cases; each is asked once."""
    texts = list(dict.fromkeys(text for case in chosen for text in case.texts))
    return dict(zip(texts, answerer(texts), strict=True))


def failed(case: Case, of_case: Sequence[Answer]) -> bool | None:
    """Whether the answers to a case's texts fail its expectation; None if that cannot be measured."""
    first, last = of_case[0], of_case[-1]
    rise = last.probability - first.probability
    positive = last.probability >= 0.5
    match case.expectation:
        case "positive" | "negative":
            return positive != LABELS[case.expectation]
        case "not negative" | "not positive":
            return not last.unsure and positive != (case.expectation == "not negative")
        case "no opinion":
            return None if last.unsure is None else not last.unsure
        case "same":
            return positive != (first.probability >= 0.5) or abs(rise) > TOLERANCE
        case "higher":
            return rise <= TOLERANCE and last.probability < 1 - TOLERANCE
        case "lower":
            return rise >= -TOLERANCE and last.probability > TOLERANCE
        case "not higher":
            return rise > TOLERANCE
        case "not lower":
            return rise < -TOLERANCE


def _figures(
    members: Sequence[Case],
    answers: Mapping[str, Mapping[str, Answer]],
    judge: Callable[[Case, list[Answer]], bool | None],
) -> dict[str, Any]:
    """Failures by the model's name."""
    found: dict[str, Any] = {}
    for name, of_model in answers.items():
        judged = [judge(case, [of_model[text] for text in case.texts]) for case in members]
        failures = sum(map(bool, judged))
        found[name] = None
        if None not in judged:
            interval = list(wilson_interval(failures, len(judged)))
            found[name] = {"failures": failures, "share": failures / len(judged), "interval": interval}
    return {"models": found}


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS; "-" for a model that was not measured."""
    shares = [failure_rate(row["models"].get(name)) for name in (*RECIPES, *REFERENCES)]
    return [row["title"], row["test"], f"{row['cases']:,}", *shares]


def failure_rate(figures: dict[str, Any] | None) -> str:
    """The share of failures with its interval."""
    if figures is None:
        return "-"
    low, high = figures["interval"]
    return f"{figures['share']:.1%} ({max(low, 0):.1%} to {min(high, 1):.1%})"
