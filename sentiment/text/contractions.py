"""Contractions: "did not" is the same word as "didn't", and "it is" the same as "it's".

The next word may show that an apostrophe is missing: "its a good film".
"""

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
_MISTYPED = {
    ("its", "it's"): (
        "a an the no not never nothing something that such because about as like up been got so too quite "
        "pretty really almost just all also still always simply probably definitely certainly actually worth "
        "hard easy difficult impossible better nice"
    ),
    ("it's", "its"): "own",
    ("id", "i'd"): "have like say be rather give never recommend been love call seen watch",
    ("ill", "i'll"): "be give never just say",
}
"""Before which words people type one word and mean the other.

In the training texts, each of these follows the word that is meant at least 40 times, and at least four times
as often as the other; and of those that follow the other, three quarters or more do so by a typing error, as
reading them showed. "Very" and "only" are therefore missing: people write "its very best".
"""
_MEANT: dict[tuple[str, ...], str] = {
    (typed, following): meant for (typed, meant), words in _MISTYPED.items() for following in words.split()
}
_TYPED = frozenset(typed for typed, _ in _MISTYPED)
_NOTICED = _TYPED.union(second for _, second in _PAIRS)


def contract(words: list[str], *, apostrophes: bool = True) -> list[str]:
    """Replace two words by their contraction wherever there is one.

    With `apostrophes`, first correct those that the next word shows to be missing or one too many.
    """
    for place in _pairs(words, _notice(words, apostrophes)):
        words[place : place + 2] = _PAIRS[words[place], words[place + 1]]
    return words


def contract_tokens(tokens: Tokens, review: str, *, apostrophes: bool = True) -> Tokens:
    """The same for words with their positions in the review; a contraction has that of both words."""
    words, surfaces, starts, ends = tokens
    for place in _pairs(words, _notice(words, apostrophes)):
        read = _PAIRS[words[place], words[place + 1]]
        words[place : place + 2] = read
        if len(read) == 1:
            surfaces[place : place + 2] = [review[starts[place] : ends[place + 1]]]
            del starts[place + 1], ends[place]
    return Tokens(words, surfaces, starts, ends)


def _notice(words: list[str], apostrophes: bool) -> list[int]:
    """Correct the apostrophes, and return the places of all words that may be the second one of a pair.

    One pass finds the words for both, because that takes most of the time.
    """
    noticed = [place for place, word in enumerate(words) if word in _NOTICED]
    for place in noticed if apostrophes else ():
        if words[place] in _TYPED:
            words[place] = _MEANT.get(tuple(words[place : place + 2]), words[place])
    return noticed


def _pairs(words: Sequence[str], noticed: Sequence[int]) -> list[int]:
    """Where pairs begin, the last one first. Of two that overlap, as in "it is not", the second counts."""
    found: list[int] = []
    for place in reversed(noticed):
        is_pair = place > 0 and (words[place - 1], words[place]) in _PAIRS
        if is_pair and (not found or place < found[-1]):
            found.append(place - 1)
    return found
