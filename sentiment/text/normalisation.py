"""Normalise the spelling of a review before it is tokenized.

Phones type curly apostrophes where the training reviews have straight ones; text copied from web pages has
no-break spaces, soft hyphens and markup; people write 4.5/5, 9 out of 10 or ★★★★☆ for the same rating, and
:-) or 🙂 for the same smile. Each of these becomes a form that the tokenizer knows. Needs numpy only.

The steps replace pieces of the text one after the other. They keep track of the position in the original
review of each character, so that explanations can mark the words there.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from sentiment.text.emoji import EMOJI_WORDS
from sentiment.text.tokens import Span

# -- Characters --

_SPELLED = {
    **dict.fromkeys(
        "\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02bd\u02c8\u00b4\u2032\ua78c\u055a\u05f3\u1fbd\u1fbf", "'"
    ),
    **dict.fromkeys("\u0091\u0092", "'"),  # Windows-1252 taken for Latin-1, as are the next two lines
    "\u0085": "...",
    "\u0096": "-",
    "\u0097": "-",
    "\u00bd": ".5",
    "\u00df": "ss",
    "\u00e6": "ae",
    "\u00c6": "AE",
    "\u00f8": "o",
    "\u00d8": "O",
    "\u0153": "oe",
    "\u0152": "OE",
    "\u0142": "l",
    "\u0141": "L",
    "\u0131": "i",
    "\u2044": "/",
    "\u2b50": "\u2605",  # the star of phones becomes the one that ratings below are made of
    **{symbol: f" {word} " for symbol, word in EMOJI_WORDS.items()},
}
"""Characters for which the general rule of `_spelled` would not do."""
_DELETED_CATEGORIES = ("Mn", "Me", "Cf")
"""Combining accents and enclosing marks, soft hyphens, zero-width characters and other format characters."""
_SKIN_TONES = range(0x1F3FB, 0x1F400)
_FILLED_STAR, _HOLLOW_STAR = "\u2605", "\u2606"
_LAST_KEPT = 0xFFFF
"""Characters above are not cached: a hostile text could fill the memory with a million of them."""


class _Characters(dict[int, str]):
    """The replacement of each character, by code point; those beyond ASCII are computed on first use."""

    def __missing__(self, code: int) -> str:
        spelled = _spelled(chr(code))
        if code <= _LAST_KEPT:
            self[code] = spelled
        return spelled


def _spelled(character: str) -> str:
    """Replace a variant form of an ASCII character by the ASCII characters.

    NFKD resolves compatibility forms: full-width letters, ligatures, superscripts, accented letters. Other
    letters and numbers stay, and everything else becomes a blank.
    """
    if character in _SPELLED:
        return _SPELLED[character]
    if character in (_FILLED_STAR, _HOLLOW_STAR):
        return character
    if unicodedata.category(character) in _DELETED_CATEGORIES or ord(character) in _SKIN_TONES:
        return ""
    parts = unicodedata.normalize("NFKD", character)
    if parts != character:
        parts = "".join(_CHARACTERS[ord(part)] if part > "\x7f" else part for part in parts)
        return parts if parts.strip() else " "
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    return character if category[0] in "LN" else " "


_CHARACTERS = _Characters({code: chr(code) for code in range(128)} | {ord("`"): "'"})
_CHARACTERS.update({ord(character): form for character, form in _SPELLED.items()})

# -- Markup --

_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")


def _without_markup(match: re.Match[str]) -> str:
    """The replacement of a tag (a blank) or an entity (its character)."""
    found = match.group()
    return " " if found[0] == "<" else html.unescape(found)


# -- Ratings and emoticons --

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBER = rf"\d{{1,4}}(?:[.,]\d{{1,2}})?|{'|'.join(_NUMBERS)}"
_RATING = re.compile(
    rf"(?<![\w./*])(?P<points>{_NUMBER})(?:[ -]stars?)?"
    rf"(?: ?(?P<slash>/) ?| out of )(?P<scale>{_NUMBER})(?: stars?)?(?![\w*/]|\.\d)",
    re.IGNORECASE,
)
_STARS_IN_WORDS = re.compile(
    r"(?<![\w./*])(?P<points>[0-5](?:\.5)?|zero|one|five)[ -]stars?(?!\w)", re.IGNORECASE
)
_STARS = re.compile(
    rf"[*\u2605]+(?P<hollow>\u2606*)(?: ?\(?(?:/|out of) ?(?P<scale>\*{{4,10}}|{_NUMBER})\)?(?![\w*]))?",
    re.IGNORECASE,
)
_SLASH_SCALES, _SCALES = (5.0, 10.0, 100.0), (4.0, 5.0, 10.0, 20.0, 100.0)
"""The scales of ratings. "3 out of 4" is a rating, but "3/4" is more often a fraction."""
_EMOTICON = re.compile(r"(?<![\w:;=])(?:(?P<smile>[:=]'?-?[)\]D]+|\^_?\^|<3+)|[:=]'?-?[(\[/]+)(?![\w/])")


def _rating(match: re.Match[str]) -> str:
    """The rating in whole points out of ten, as in IMDb's reviews."""
    points, scale = _number(match["points"]), _number(match["scale"])
    if scale not in (_SLASH_SCALES if match["slash"] else _SCALES):
        return match.group()
    return _out_of_ten(points, scale)


def _stars_in_words(match: re.Match[str]) -> str:
    return _out_of_ten(_number(match["points"]), 5)


def _stars(match: re.Match[str]) -> str:
    """A row of stars as a rating; a single star is more often a bullet or a footnote.

    Asterisks are a rating if a scale follows ("*** out of 5"), or if they stand at the beginning or the end
    of the text. Elsewhere they replace letters, or frame a spoiler warning.
    """
    text, scale = match.string, match["scale"]
    hollow = len(match["hollow"])
    filled = match.end("hollow") - hollow - match.start()
    if text[match.start()] == _FILLED_STAR:
        if filled + hollow == 1:
            return " "
        return _out_of_ten(filled, filled + hollow if hollow else 5 if filled <= 5 else 10)
    if scale and text[max(match.start() - 1, 0)] in "* \n":
        return _out_of_ten(filled, len(scale) if scale[0] == "*" else _number(scale))
    begins, ends = match.start() == 0, match.end() == len(text)
    parted = (begins or text[match.start() - 1].isspace()) and (ends or text[match.end()].isspace())
    framed = (begins and not ends and text[-1] == "*") or (ends and not begins and text[0] == "*")
    if 2 <= filled <= 5 and (begins or ends) and parted and not framed:
        return _out_of_ten(filled, 5)
    return match.group()


def _number(written: str) -> float:
    return float(_NUMBERS.index(written.lower())) if written.isalpha() else float(written.replace(",", "."))


def _out_of_ten(points: float, scale: float) -> str:
    return f" {min(int(10 * points / max(scale, 1) + 0.5), 10)}/10 "


def _emoticon(match: re.Match[str]) -> str:
    return " smiley " if match["smile"] else " frowny "


# -- All of it --


class _Step(NamedTuple):
    """A replacement of all matches of `pattern`.

    Most texts have no match, and `hints` tell this faster than the pattern. A hint is a string and a pattern:
    if `pattern` matches a text, then, for at least one hint, the text in lower case contains the string and
    the hint's pattern matches it.
    """

    hints: tuple[tuple[str, re.Pattern[str]], ...]
    pattern: re.Pattern[str]
    replacement: Callable[[re.Match[str]], str]

    def may_change(self, lowered: str) -> bool:
        """Whether the step may replace something in the text, which is given in lower case."""
        return any(sign in lowered and hint.search(lowered) for sign, hint in self.hints)


def _hints(**patterns: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sign, re.compile(pattern)) for sign, pattern in patterns.items())


_STEPS = (
    _Step(_hints(**{"/": r"/ ?(?:\d|five|ten)", " out of ": r" out of (?:[\dtf])"}), _RATING, _rating),
    _Step(_hints(**{" star": r" stars?(?!\w)", "-star": r"-stars?(?!\w)"}), _STARS_IN_WORDS, _stars_in_words),
    _Step(_hints(**{"*": r"\*", "\u2605": "\u2605"}), _STARS, _stars),
    _Step(
        _hints(**{":": r":['-]?[-)\](\[/d]", "=": r"=['-]?[-)\](\[/d]", "<3": "<3", "^": r"\^_?\^"}),
        _EMOTICON,
        _emoticon,
    ),
)


def plain_text(review: str) -> str:
    """The review without markup: blanks for tags, characters for entities."""
    text = review.replace("<br />", " ")  # most reviews hold no other markup
    return _MARKUP.sub(_without_markup, review) if "<" in text or "&" in text else text


def normalise(review: str) -> str:
    """The review without markup, in the spelling that the tokenizer `words` expects."""
    text = plain_text(review)
    if not text.isascii() or "`" in text:
        text = text.translate(_CHARACTERS)
    lowered = text.lower()
    for step in _STEPS:
        if step.may_change(lowered):
            text = step.pattern.sub(step.replacement, text)
    return text


def plain_text_with_places(review: str) -> tuple[str, list[Span]]:
    """`plain_text(review)`, and the span of each of its characters in the original review."""
    text, places = _replace(_MARKUP, _without_markup, review, _Places.of(review))
    return text, places.spans()


def normalise_with_places(review: str) -> tuple[str, list[Span]]:
    """`normalise(review)`, and the span of each of its characters in the original review."""
    text, places = _replace(_MARKUP, _without_markup, review, _Places.of(review))
    if not text.isascii() or "`" in text:
        forms = [_CHARACTERS[ord(character)] for character in text]
        copies = np.fromiter(map(len, forms), dtype=np.int64, count=len(forms))
        text, places = "".join(forms), _Places(*(edges.repeat(copies) for edges in places))
    lowered = text.lower()
    for step in _STEPS:
        if step.may_change(lowered):
            text, places = _replace(step.pattern, step.replacement, text, places)
    return text, places.spans()


class _Places(NamedTuple):
    """The spans in the original review of the N characters of a text: their `starts` (N,) and `ends` (N,)."""

    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, review: str) -> "_Places":
        starts = np.arange(len(review))
        return cls(starts, starts + 1)

    def of_words(self, starts: list[int], ends: list[int]) -> tuple[list[int], list[int]]:
        """The starts and ends in the original review of words `text[start:end]`."""
        first, last = np.array([starts, ends], dtype=np.int64)
        return self.starts[first].tolist(), self.ends[last - 1].tolist()

    def spans(self) -> list[Span]:
        return list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))


def _replace(
    pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], text: str, places: _Places
) -> tuple[str, _Places]:
    """Replace all matches in a text; each character of a replacement gets the span of the whole match."""
    matches = list(pattern.finditer(text))
    if not matches:
        return text, places
    forms = list(map(replacement, matches))
    starts, ends = np.array([match.span() for match in matches]).T
    copies, last = np.ones(len(text), dtype=np.int64), np.arange(len(text))
    inside = np.zeros(len(text) + 1, dtype=np.int64)
    inside[starts] += 1
    inside[ends] -= 1
    copies[inside[:-1].cumsum() > 0] = 0
    copies[starts] = list(map(len, forms))
    last[starts] = ends - 1
    between = zip([0, *ends.tolist()], [*starts.tolist(), len(text)], strict=True)
    kept = [text[start:end] for start, end in between]
    pieces = [piece for pair in zip(kept, [*forms, ""], strict=True) for piece in pair]
    return "".join(pieces), _Places(places.starts.repeat(copies), places.ends[last].repeat(copies))
