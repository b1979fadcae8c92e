"""Normalise the spelling of a review before it is tokenized.

Phones type curly apostrophes where the training reviews have straight ones; text copied from web pages has
no-break spaces, soft hyphens, markup, addresses, or the wrong charset (misread.py); people write don;t and
did nt; 4.5/5, 9 out of 10 or ★★★★☆ for the same rating, and :-) or 🙂 for the same smile (ratings.py); and
b-a-d or #BadFilm (stylised.py). Each of these becomes a form that the tokenizer knows. Needs numpy only.

The steps replace pieces of the text one after the other. They keep track of the position in the original
review of each character, so that explanations can mark the words there.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from functools import cache
from string import ascii_uppercase
from typing import NamedTuple

import numpy as np

from sentiment.text import ratings, stylised
from sentiment.text.contractions import NEGATED_VERBS
from sentiment.text.emoji import EMOJI_WORDS
from sentiment.text.tokens import Span

# -- Characters --

_SPELLED = {
    **dict.fromkeys(
        "\u2018\u2019\u201a\u201b\u2032\u2035\u275b\u275c\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\u02ca\u02cb"
        "\u00b4\u0384\ua78c\u055a\u05f3\u1fbd\u1fbf\ufffd",  # the last replaces what cannot be decoded
        "'",
    ),
    **dict.fromkeys("\u0091\u0092", "'"),  # Windows-1252 taken for Latin-1, as are the next three lines
    "\u0085": "...",
    "\u0096": "-",
    "\u0097": "--",
    **dict(zip("\u00bc\u00bd\u00be", (".25", ".5", ".75"), strict=True)),
    "\U0001f51f": "10",
    **dict(zip("\u00df\u00e6\u00c6\u0153\u0152\u0131", ("ss", "ae", "AE", "oe", "OE", "i"), strict=True)),
    **dict(zip("\u00f0\u00d0\u00fe\u00de\u0251\u0261", ("d", "D", "th", "TH", "a", "g"), strict=True)),
    **dict.fromkeys("\u2014\u2015", "--"),  # a single hyphen before a number may be a minus
    **dict.fromkeys("\u2044\u2215", "/"),
    **dict.fromkeys("\u3002\uff61\u0964", "."),
    **dict(zip("\u2212\u2217\u061f\u2753\u2757", "-*??!", strict=True)),
    **{chr(code + n): letter for code in (0x1F150, 0x1F170) for n, letter in enumerate(ascii_uppercase)},
    "\u0640": "",  # lengthens Arabic letters
    **dict.fromkeys(map(chr, range(0x1F3FB, 0x1F400)), ""),  # skin tones
    # The star of phones and others become those that ratings below are made of.
    **dict.fromkeys("\u2b50\u22c6\u272a\u272d\u272e\u272f", "\u2605"),
    **dict.fromkeys("\u2729\u2730", "\u2606"),
    **{symbol: f" {word} " for symbol, word in EMOJI_WORDS.items()},
}
"""Characters for which the general rule of `_spelled` would not do."""
_DELETED_CATEGORIES = ("Mn", "Me", "Cf")
"""Combining accents and enclosing marks, soft hyphens, zero-width characters and other format characters."""
_FILLED_STAR, _HOLLOW_STAR = "\u2605", "\u2606"
_LATIN_VARIANT = re.compile(r"LATIN (CAPITAL |SMALL )?LETTER (?:SMALL CAPITAL )?([A-Z])(?: WITH .*)?")
"""The names of letters with a stroke or a hook, and of small capitals, which NFKD leaves alone."""
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

    NFKD resolves compatibility forms: full-width letters, ligatures, superscripts, accented letters. The
    names of others tell which letters they vary. Other letters and numbers stay, and everything else becomes
    a blank.
    """
    if character in _SPELLED:
        return _SPELLED[character]
    if character in (_FILLED_STAR, _HOLLOW_STAR):
        return character
    if unicodedata.category(character) in _DELETED_CATEGORIES:
        return ""
    parts = unicodedata.normalize("NFKD", character)
    if parts != character:
        parts = "".join(_CHARACTERS[ord(part)] for part in parts)
        return parts if parts.strip() else " "
    category = unicodedata.category(character)
    if category == "Pd":
        return "-"
    if variant := _LATIN_VARIANT.fullmatch(unicodedata.name(character, "")):
        return variant[2] if variant[1] == "CAPITAL " else variant[2].lower()
    return character if category[0] in "LN" else " "


_CHARACTERS = _Characters({code: chr(code) for code in range(128)} | {ord("`"): "'"})
_CHARACTERS.update({ord(character): form for character, form in _SPELLED.items()})


def is_latin(letter: str) -> bool:
    """Whether a letter is Latin, or a form of a Latin one."""
    form = _CHARACTERS[ord(letter)]
    return form.isascii() and form.isalpha()


# -- Markup --

_NAME = r"(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31})"
_MARKUP = re.compile(
    r"(?P<tag></?[a-zA-Z][^<>]*>|&(?:amp;)*lt;/?[a-zA-Z][^<>&]*&(?:amp;)*gt;)"
    rf"|&(?:amp;)+{_NAME};|&{_NAME};?"
)
_ESCAPED_AGAIN = re.compile(r"&(?:amp;)+(?=.)")


def _without_markup(match: re.Match[str]) -> str:
    """The replacement of a tag (a blank) or an entity (its character), escaped once or several times."""
    return " " if match["tag"] else html.unescape(_ESCAPED_AGAIN.sub("&", match.group()))


# -- What programs and keyboards add --

_ADDRESS = re.compile(
    r"(?:\]\((?:https?://|www\.)[^\s()]*\)"
    r"|(?:https?://|\bwww\.)(?:[^\s<>\"()\[\]]|\([^\s()]*\))*(?:[^\s<>\".,:;!?)'(\[\]]|(?<=\)))"
    r"|(?<!\S)@\w{3,})",
    re.IGNORECASE,
)
"""An address of a page, or a name as in "@somebody"; neither says anything about a film."""
_TERMINAL_CODE = re.compile(r"\x1b\[[\d;]*[a-zA-Z]")
_FORUM_TAG = re.compile(
    r"\[/?(?:[bius]|quote|spoilers?|url|img|colou?r|size|font|center|code|list)(?:=[^\[\]\n]*)?\]",
    re.IGNORECASE,
)

_CODE = r"[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|[0-9a-fA-F]{4}"
"""One code unit of UTF-16, or the two of an emoji."""
_ESCAPE = re.compile(rf"\\(?:u(?P<code>{_CODE})|[nrt]|(?P<quote>['\"]))")
_SPLIT_NEGATION = re.compile(
    rf"\b({'|'.join(contraction[:-3] for contraction in NEGATED_VERBS)})"
    r"(?:n(?:[ '\\]{1,3}|[;,?\":/.#*^-])|n?[ ']{1,2}n[ ']{0,2})t\b",
    re.IGNORECASE,
)
"""Such as "didn' t", "didn;t", "did nt" or "did'nt"."""


def _joined_negation(match: re.Match[str]) -> str:
    """The contraction; but a capital T after small letters begins a word of its own, as in "can T. rex"."""
    begins_word = match.group().endswith("T") and not match[1].isupper()
    return match.group() if begins_word else f"{match[1]}n't"


def _blank(match: re.Match[str]) -> str:
    return " "


def _unescaped(match: re.Match[str]) -> str:
    """The character of a JSON escape; a blank for a line break."""
    if not match["code"]:
        return match["quote"] or " "
    units = bytes.fromhex(match["code"].replace("\\u", ""))
    return _CHARACTERS[ord(units.decode("utf-16-be", "surrogatepass"))]


def _from_bytes(match: re.Match[str]) -> str:
    return "".join(_CHARACTERS[ord(character)] for character in stylised.decoded_bytes(match))


def _nothing(match: re.Match[str]) -> str:
    return ""


# -- All of it --


class _Step(NamedTuple):
    """A replacement of all matches of `pattern`.

    Most texts have no match, and `hints` tell this faster than the pattern. A hint is a string and a pattern:
    if `pattern` matches a text, then the text contains the string of at least one hint, and the pattern of
    that hint matches, too. The hints of _STEPS are for the text in lower case, those of _repairs for the text
    as it is.
    """

    hints: tuple[tuple[str, re.Pattern[str]], ...]
    pattern: re.Pattern[str]
    replacement: Callable[[re.Match[str]], str]

    def may_change(self, text: str) -> bool:
        """Whether the step may replace something, by the hints for `text`, which is in their form."""
        for sign, hint in self.hints:  # noqa: SIM110 - a generator would cost more than most of the hints
            if sign in text and hint.search(text):
                return True
        return False


def _hints(**patterns: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sign, re.compile(pattern)) for sign, pattern in patterns.items())


@cache
def _repairs() -> tuple[_Step, ...]:
    """What is done to texts with other characters than ASCII, before each becomes a plain one."""
    # Imported only here, because it compiles long patterns, and most texts are ASCII.
    from sentiment.text.misread import LOOKALIKE, MAY_BE_MISREAD, MISREAD, WORD_LIKE_LATIN, as_latin, decoded

    misread = _Step((("", MAY_BE_MISREAD),), MISREAD, decoded)
    return (
        *(misread, misread),  # some were misread twice
        _Step((("", LOOKALIKE),), WORD_LIKE_LATIN, as_latin),
        _Step(_hints(**{"\U0001f44f": "\U0001f44f"}), stylised.CLAP, stylised.clap),
        _Step(_hints(**{"\u00ad": "\u00ad\\s"}), stylised.HYPHENATION, _nothing),
    )


_STEPS = (
    _Step(
        _hints(**{"%": "%[0-9a-f]{2}", "\\x": r"\\x", "=": "=[c-f][0-9a-f]="}), stylised.BYTES, _from_bytes
    ),
    _Step(_hints(**{"\\": r"\\[u'\"nrt]"}), _ESCAPE, _unescaped),
    _Step(_hints(**{"\n": r"-\s*\n"}), stylised.HYPHENATION, _nothing),
    _Step(_hints(**{"\x1b": "\x1b"}), _TERMINAL_CODE, _blank),
    _Step(_hints(**{"[": r"\[/[a-z]"}), _FORUM_TAG, _blank),
    _Step(_hints(**{":": "https?://", "www.": r"www\.", "@": r"@\w"}), _ADDRESS, _blank),
    _Step(_hints(**{"#": r"#\w"}), stylised.CAPITAL, stylised.new_word),
    _Step(_hints(**{"@": "[a-z]@[a-z]", "$": r"\$"}), stylised.SIGN_FOR_LETTER, stylised.letters),
    _Step(
        _hints(
            **{
                mark: rf"{re.escape(mark)}[a-z']{re.escape(mark)}[a-z'](?![\w'])"
                for mark in (".", "-", "*", "_", "~", " ", "  ")
            }
        ),
        stylised.SPELLED_OUT,
        stylised.joined,
    ),
    _Step(_hints(**{".": r"\.[a-z']+\.[a-z]"}), stylised.DOT, stylised.dot),
    _Step(_hints(**{"!!!!": "!", "????": r"\?"}), stylised.REPEATED_MARKS, stylised.three),
    _Step(
        _hints(n=r"n(?:(?!'t)[ '\\;,?\":/.#*^-]{1,3}|(?<=[ ']n)[ ']{0,2})t\b"),
        _SPLIT_NEGATION,
        _joined_negation,
    ),
    _Step(_hints(**{"*": r"[^\s*]\*", "_": r"[^\s_]_"}), stylised.EMPHASIS, stylised.unmarked),
    _Step(_hints(**{"/": r"/\d{1,4}/\d"}), ratings.DATE, ratings.date),
    _Step(
        _hints(
            **{
                "*": r"\*[ \t]{1,2}\*",
                "\u2605": "\u2605[ \\t]{1,2}[\u2605\u2606]",
            }
        ),
        ratings.SPACED_STARS,
        ratings.without_blanks,
    ),
    _Step(
        _hints(
            **{
                "/": r"/\s{,2}(?:\d|five|four|ten)",
                "out": r"out(?:[\s-]{,2}of|ta)[\s-]{,2}(?:an?\b|possible|\d|te|f[io])",
                "of": r"of(?<=[\drexntosfg+*\u2605][\s-]of)[\s-]{1,2}(?:\d|te|f[io])",
            }
        ),
        ratings.RATING,
        ratings.rating,
    ),
    _Step(
        _hints(star=r"star(?:(?<=[\def\so][\s-]star)|(?<=\dstar))s?(?!\w)"),
        ratings.STARS_IN_WORDS,
        ratings.stars_in_words,
    ),
    _Step(_hints(**{"\u2605": r"\d\s?\u2605"}), ratings.NUMBER_OF_STARS, ratings.number_of_stars),
    _Step(_hints(**{"*": r"\*", "\u2605": "\u2605"}), ratings.STARS, ratings.stars),
    _Step(
        _hints(
            **{
                "+": r"[a-d]\+",
                "f-": r"f-(?!\w)",
                "grade": "grade[:=]",
                "rating": "rating[:=]",
                "score": "score[:=]",
            }
        ),
        ratings.GRADE,
        ratings.grade,
    ),
    _Step(
        _hints(**{":": r":['-]?[-)\](\[/d]", "=": r"=['-]?[-)\](\[/d]", "<": r"<[/\\]?3", "^": r"\^_?\^"}),
        ratings.EMOTICON,
        ratings.emoticon,
    ),
)


class Places(NamedTuple):
    """The spans in a review of the N characters or words of a text: their `starts` (N,) and `ends` (N,)."""

    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of(cls, review: str) -> "Places":
        starts = np.arange(len(review))
        return cls(starts, starts + 1)

    def of_words(self, in_text: "Places") -> "Places":
        """The places in the original review of words with these places in the text."""
        return Places(self.starts[in_text.starts], self.ends[in_text.ends - 1])

    def spans(self) -> list[Span]:
        return list(zip(self.starts.tolist(), self.ends.tolist(), strict=True))


def has_markup(text: str) -> bool:
    """Whether a text has a tag or an entity."""
    return ("<" in text or "&" in text) and _MARKUP.search(text) is not None


def plain_text(review: str) -> str:
    """The review without markup: blanks for tags, characters for entities."""
    text = review.replace("<br />", " ")  # most reviews hold no other markup
    return _MARKUP.sub(_without_markup, review) if has_markup(text) else text


def normalise(review: str) -> str:
    """The review without markup, in the spelling that the tokenizer `words` expects."""
    text = plain_text(review)
    if not text.isascii() or "`" in text:
        for step in () if text.isascii() else _repairs():
            if step.may_change(text):
                text = step.pattern.sub(step.replacement, text)
        text = text.translate(_CHARACTERS)
    lowered = text.lower()
    for step in _STEPS:
        if step.may_change(lowered):
            text = step.pattern.sub(step.replacement, text)
            lowered = text.lower()
    return text


def plain_text_with_places(review: str) -> tuple[str, list[Span]]:
    """`plain_text(review)`, and the span of each of its characters in the original review."""
    text, places = _replace(_MARKUP, _without_markup, review, Places.of(review))
    return text, places.spans()


def normalise_with_places(review: str) -> tuple[str, Places]:
    """`normalise(review)`, and the span of each of its characters in the original review."""
    text, places = _replace(_MARKUP, _without_markup, review, Places.of(review))
    if not text.isascii() or "`" in text:
        for step in () if text.isascii() else _repairs():
            if step.may_change(text):
                text, places = _replace(step.pattern, step.replacement, text, places)
        if any(len(_CHARACTERS[ord(character)]) != 1 for character in set(text)):
            forms = [_CHARACTERS[ord(character)] for character in text]
            copies = np.fromiter(map(len, forms), dtype=np.int64, count=len(forms))
            places = Places(*(edges.repeat(copies) for edges in places))
        text = text.translate(_CHARACTERS)
    lowered = text.lower()
    for step in _STEPS:
        if step.may_change(lowered):
            text, places = _replace(step.pattern, step.replacement, text, places)
            lowered = text.lower()
    return text, places


def _replace(
    pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], text: str, places: Places
) -> tuple[str, Places]:
    """Replace all matches in a text; each character of a replacement gets the span of the whole match.

    A match that is replaced by itself, such as "&Blues", which is no entity, is none.
    """
    replaced = ((match, replacement(match)) for match in pattern.finditer(text))
    changes = [(match.span(), form) for match, form in replaced if form != match.group()]
    if not changes:
        return text, places
    spans, forms = zip(*changes, strict=True)
    starts, ends = np.array(spans).T
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
    return "".join(pieces), Places(places.starts.repeat(copies), places.ends[last].repeat(copies))
