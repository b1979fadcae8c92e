"""Negated verbs: "did not" is the same word as "didn't"."""

from collections.abc import Sequence

from sentiment.text.tokens import Token

_STEMS = (
    *("ain", "aren", "can", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "mightn"),
    *("mustn", "needn", "shouldn", "wasn", "weren", "won", "wouldn"),
)
NEGATED_VERBS = tuple(f"{stem}'t" for stem in _STEMS)
_VERBS = {"can't": "can", "won't": "will"}
_CONTRACTIONS = {_VERBS.get(each, each[:-3]): each for each in NEGATED_VERBS if each != "ain't"}
"""The contraction of each verb with "not"."""
_CANNOT = {"cannot": "can't"}


def contract(words: list[str]) -> list[str]:
    """Replace "did", "not" by "didn't", for all verbs that contract, and "cannot" by "can't"."""
    if "cannot" in words:
        words = list(map(_CANNOT.get, words, words))
    for verb in reversed(_negated_verbs(words)):
        words[verb : verb + 2] = [_CONTRACTIONS[words[verb]]]
    return words


def contract_tokens(tokens: list[Token], review: str) -> list[Token]:
    """The same for words with their positions in the review; a contraction has that of both words."""
    words = [token.word for token in tokens]
    if "cannot" in words:
        tokens = [token._replace(word=_CANNOT.get(token.word, token.word)) for token in tokens]
    for verb in reversed(_negated_verbs(words)):
        start, end = tokens[verb].start, tokens[verb + 1].end
        tokens[verb : verb + 2] = [Token(_CONTRACTIONS[words[verb]], review[start:end], start, end)]
    return tokens


def _negated_verbs(words: Sequence[str]) -> list[int]:
    """The places of the verbs that contract with the "not" after them."""
    found, place = [], -1
    for _ in range(words.count("not")):
        place = words.index("not", place + 1)
        if place and words[place - 1] in _CONTRACTIONS:
            found.append(place - 1)
    return found
