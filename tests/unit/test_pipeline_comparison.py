"""When a new model counts as worse than the old one."""

from __future__ import annotations

import pytest

from pipeline.comparison import Counts, lower_bound_of_difference, worse

OLD = Counts(calls=900, failures=1, slow=5, answers=1000, unsure=100, votes=40, no_votes=8)


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (Counts(), None),
        (Counts(calls=100, failures=0, slow=1, answers=110, unsure=12, votes=5, no_votes=2), None),
        # Twice as many, and still chance may have done it.
        (Counts(calls=20, answers=20, unsure=4), None),
        # More than chance, but by less than matters.
        (Counts(calls=100_000, answers=100_000, unsure=12_000), None),
        (Counts(calls=5, failures=5), "5 of 5 of its calls fail; of the old one's 1 of 900"),
        (Counts(calls=100, slow=30), "30 of 100 of its answers come late"),
        (Counts(calls=100, answers=100, unsure=40), "40 of 100 of its answers are unsure"),
        (Counts(calls=100, answers=100, votes=20, no_votes=16), '16 of 20 of the votes on it are "no"'),
        # A single angry person is no proof.
        (Counts(calls=100, answers=100, votes=1, no_votes=1), None),
    ],
)
def test_a_new_model_is_worse_where_a_share_is_larger_by_more_than_chance_and_margin(new, why):
    assert why == worse(new, OLD) or (why and worse(new, OLD).startswith(why))


def test_without_the_old_models_counts_nothing_is_concluded():
    assert worse(Counts(calls=10, failures=10), Counts()) is None


def test_the_difference_is_newcombes():
    # Newcombe 1998, table II, (a): 56 of 70 against 48 of 80, method 10: 0.0524 to 0.3339 at 95 %.
    assert lower_bound_of_difference((56, 70), (48, 80), z=1.959964) == pytest.approx(0.0524, abs=5e-5)
