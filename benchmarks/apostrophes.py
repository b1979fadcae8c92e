"""Count the verdicts that change if a text has other apostrophes, or none, and is otherwise the same."""

import time
from collections.abc import Callable
from typing import Any

from benchmarks.behaviour.forms import APOSTROPHES, no_apostrophes
from benchmarks.measure import Bench
from sentiment.data import snippets
from sentiment.serving.predictor import Predictor

RECIPES = ("best", "fast")
QUICK_TEXTS = 20
TEXTS = {"snippets": "short texts", "test": "reviews"}
COLUMNS = (
    "instead of a straight apostrophe",
    *(f"{title}, `{name}`" for title in TEXTS.values() for name in RECIPES),
)
NOTE = (
    "Texts for which the other verdict becomes the more probable one. The short texts are all snippets with "
    'a contraction of "not", the reviews those of the test split with an apostrophe. The last row leaves it '
    'out where that gives no other word, and in "it\'s".'
)


def _replaced(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


def _without_apostrophes(text: str) -> str:
    return dict(no_apostrophes(text)).get(text, text)


LEFT_OUT = {'none in "n\'t"': _replaced("n't", "nt"), "none in contractions": _without_apostrophes}
FORMS = {f"{form} (U+{ord(form):04X})": _replaced("'", form) for form in APOSTROPHES} | LEFT_OUT
"""By their titles, the functions that give a text other apostrophes."""


def measure(bench: Bench) -> dict[str, Any]:
    """A row for each form: by kind of texts and by recipe, how many of how many verdicts change."""
    texts = {
        "snippets": [text for text in snippets.load().texts if "n't" in text],
        "test": [text for text in bench.corpus.reviews.select("test").texts if "'" in text],
    }
    rows: list[dict[str, Any]] = [{"title": title, **{kind: {} for kind in TEXTS}} for title in FORMS]
    for name, folder in bench.trained(RECIPES).items():
        predictor = Predictor.from_folder(folder)
        for kind, found in texts.items():
            of_kind = found[:QUICK_TEXTS] if bench.quick else found
            before = [each.sentiment for each in predictor.predict(of_kind)]
            for row, change in zip(rows, FORMS.values(), strict=True):
                after = [each.sentiment for each in predictor.predict(list(map(change, of_kind)))]
                changed = sum(one != other for one, other in zip(before, after, strict=True))
                row[kind][name] = {"changed": changed, "texts": len(of_kind)}
    return {"measured": time.strftime("%Y-%m-%d %H:%M", time.gmtime()), "rows": rows}


def share(counted: dict[str, int]) -> float:
    """The share of texts whose verdict changes."""
    return counted["changed"] / max(counted["texts"], 1)


def cells(row: dict[str, Any]) -> list[str]:
    """One line of the table, in the order of COLUMNS; "-" for a model that was not measured."""
    counted = [row[kind].get(name) for kind in TEXTS for name in RECIPES]
    shown = [
        f"{each['changed']} of {each['texts']:,} ({share(each):.2%})" if each else "-" for each in counted
    ]
    return [row["title"], *shown]
