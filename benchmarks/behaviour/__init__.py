"""A behavioural test suite for short texts, in the style of CheckList (Ribeiro et al., ACL 2020).

    from benchmarks.behaviour import cases
    for case in cases("tuning"):
        case.texts, case.expectation, case.capability, case.group

There are two parts, "tuning" and "reported". They share no template and no content word, so that what was
tuned on one is measured fairly on the other: train and choose with "tuning" only, quote "reported" only.
`labelled(part, group)` gives the sentences of a group with their labels, `neutral(part)` the texts without an
opinion. All cases are made from the templates and words in the folders tuning/ and reported/, the same ones
each time. templates.py says how those files are written.
"""

from benchmarks.behaviour.suite import PARTS, Case, cases, labelled, neutral

__all__ = ["PARTS", "Case", "cases", "labelled", "neutral"]
