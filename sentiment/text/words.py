"""`words`, the tokenizer of the newer recipes.

It keeps stop words (negation is one), contractions, ratings such as 7/10 and the marks ! ? . that carry
sentiment. What a word is stands in one regular expression. Running it is most of the work, so most reviews
take a shorter way to the same words: bytes.translate makes lower case and blanks in one pass, and split does
the rest.
"""

import html
import re

from sentiment.text.tokens import LOWERED_TO_ASCII, Span, Token, find_tokens, translation_table

_WORDS = re.compile(r"\d+/\d+|[a-z0-9]+(?:'[a-z]+)*|\.{2,}|[!?.]", re.ASCII)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")

# Two expressions, since each is found by its first character at the speed of memchr.
_RATING, _DIGIT_AFTER_APOSTROPHE = re.compile(rb"/[0-9]"), re.compile(rb"'[a-zA-Z]+[0-9]")
_LOOSE_APOSTROPHE = re.compile(rb"'(?:(?![a-z])|(?<![a-z0-9]'))")
_KEPT = translation_table(b"'.!?")


def words(review: str) -> list[str]:
    """The lower-case words, ratings and sentence marks of a review, in order."""
    # Most reviews hold no other markup than this line break.
    text = review.replace("<br />", " ")
    if "<" in text or "&" in text:
        text = _MARKUP.sub(_without_markup, review)
    if not text.isascii() and any(character in text for character in LOWERED_TO_ASCII):
        return _WORDS.findall(text.lower())
    found = text.encode("utf-8", "surrogatepass")
    if _RATING.search(found) or _DIGIT_AFTER_APOSTROPHE.search(found):
        return _WORDS.findall(text.lower())
    found = found.translate(_KEPT)
    if b"'" in found:
        found = _LOOSE_APOSTROPHE.sub(b" ", found)
    found = found.replace(b".", b" . ").replace(b"!", b" ! ").replace(b"?", b" ? ")
    while b".  ." in found:  # two blanks: nothing stood between the dots
        found = found.replace(b".  .", b"..")
    return found.decode("ascii").split()


def locate_words(review: str) -> list[Token]:
    """The same words as `words`, each with its surface form and its place in the review."""
    # Most reviews hold no other markup: with blanks as long in its place, all else stays where it was.
    blanked = review.replace("<br />", " " * len("<br />"))
    lowered = blanked.lower()
    if not _MARKUP.search(blanked) and len(lowered) == len(review):
        return _tokens_in_order(words(blanked), lowered, review)
    text, places = _replace_markup(review)
    return list(find_tokens(_WORDS, text, places))


def _tokens_in_order(found: list[str], lowered: str, review: str) -> list[Token]:
    """The tokens of the words found, each looked for from the end of the one before.

    That finds it and nothing earlier: every character that a word can begin with belongs to a word.
    """
    tokens, end = [], 0
    for word in found:
        start = lowered.index(word, end)
        end = start + len(word)
        tokens.append(Token(word, review[start:end], start, end))
    return tokens


def _without_markup(match: re.Match[str]) -> str:
    found = match.group()
    return " " if found[0] == "<" else html.unescape(found)


def _replace_markup(review: str) -> tuple[str, list[Span]]:
    """The review without its markup, and each character's span in the review as written."""
    text: list[str] = []
    places: list[Span] = []
    done = 0
    for match in _MARKUP.finditer(review):
        replacement = _without_markup(match)
        text += [review[done : match.start()], replacement]
        places += [(place, place + 1) for place in range(done, match.start())]
        places += [match.span()] * len(replacement)
        done = match.end()
    text.append(review[done:])
    places += [(place, place + 1) for place in range(done, len(review))]
    return "".join(text), places
