"""A behavioural test suite for short texts, in the style of CheckList (Ribeiro et al., ACL 2020).

    from benchmarks.behaviour import cases
    for case in cases("tuning"):
        case.texts, case.expectation, case.capability, case.group

There are two parts, "tuning" and "reported". They share no templates and no content words, so that a model
that was tuned on one can be measured fairly on the other: train and choose with "tuning" only, and quote
results on "reported" only. `labelled(part, group)` returns the sentences of a group with their labels,
`neutral(part)` the texts without an opinion. All cases are generated deterministically from the templates and
words in the folders tuning/ and reported/, whose format templates.py describes.
"""

from benchmarks.behaviour.suite import PARTS, Case, cases, labelled, neutral

__all__ = ["PARTS", "Case", "cases", "labelled", "neutral"]
