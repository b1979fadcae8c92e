"""Contractions: "did not" is the same word as "didn't", and "it is" the same as "it's"."""

from collections.abc import Sequence

from sentiment.text.tokens import Tokens

_STEMS = (
    *("ain", "aren", "can", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "mightn"),
    *("mustn", "needn", "shouldn", "wasn", "weren", "won", "wouldn"),
)
NEGATED_VERBS = tuple(f"{stem}'t" for stem in _STEMS)
_VERBS = {"can't": "can", "won't": "will"}
_NEGATED = {(_VERBS.get(each, each[:-3]), "not"): each for each in NEGATED_VERBS if each != "ain't"}
_ENDINGS = {
    "am": ("'m", ("i",)),
    "is": ("'s", ("he", "she", "it", "that", "there", "here", "what", "who", "where", "how")),
    "are": ("'re", ("you", "we", "they")),
    "have": ("'ve", ("i", "you", "we", "they")),
    "will": ("'ll", ("i", "you", "he", "she", "it", "we", "they", "that", "there")),
    "would": ("'d", ("i", "you", "he", "she", "we", "they")),
}
_SUBJECTS = {
    (subject, verb): f"{subject}{ending}"
    for verb, (ending, subjects) in _ENDINGS.items()
    for subject in subjects
}
_PAIRS = {pair: (contraction,) for pair, contraction in (_NEGATED | _SUBJECTS).items()} | {
    (contraction, "not"): (subject, _NEGATED[verb, "not"])
    for (subject, verb), contraction in _SUBJECTS.items()
    if (verb, "not") in _NEGATED
}
"""What two words are read as: "did not" as "didn't", "it is" as "it's", and "it's not" as "it isn't"."""
_SECONDS = frozenset(second for _, second in _PAIRS)
_CANNOT = {"cannot": "can't"}


def contract(words: list[str]) -> list[str]:
    """Replace two words by their contraction wherever there is one, and "cannot" by "can't"."""
    if "cannot" in words:
        words = list(map(_CANNOT.get, words, words))
    for place in _pairs(words):
        words[place : place + 2] = _PAIRS[words[place], words[place + 1]]
    return words


def contract_tokens(tokens: Tokens, review: str) -> Tokens:
    """The same for words with their positions in the review; a contraction has that of both words."""
    words, surfaces, starts, ends = tokens
    if "cannot" in words:
        words = list(map(_CANNOT.get, words, words))
    for place in _pairs(words):
        read = _PAIRS[words[place], words[place + 1]]
        words[place : place + 2] = read
        if len(read) == 1:
            surfaces[place : place + 2] = [review[starts[place] : ends[place + 1]]]
            del starts[place + 1], ends[place]
    return Tokens(words, surfaces, starts, ends)


def _pairs(words: Sequence[str]) -> list[int]:
    """Where pairs begin, the last one first. Of two that overlap, as in "it is not", the second counts."""
    found: list[int] = []
    for place in reversed([place for place, word in enumerate(words) if word in _SECONDS]):
        is_pair = place > 0 and (words[place - 1], words[place]) in _PAIRS
        if is_pair and (not found or place < found[-1]):
            found.append(place - 1)
    return found
