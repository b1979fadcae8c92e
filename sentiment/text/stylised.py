"""Plain spellings of what people or programs write in another way: "b-a-d", "a$$", "#BadFilm".

Each function is called with a match of the pattern above it, and normalisation.py calls them.
"""

import re

_NEAR = 40
"""So many characters before a match are looked at."""

SPELLED_OUT = re.compile(
    r"(?<![\w'])[a-zA-Z](?P<between>[ .*~_-]|  )[a-zA-Z'](?:(?P=between)[a-zA-Z'])+(?![\w'])"
    r"(?:\.(?=\s[a-z]))?"
)
"""Three or more single letters with the same character between them: "B-A-D", "b a d" or "U.S.A."."""


def joined(match: re.Match[str]) -> str:
    """The word that is spelled out; the same letter again and again is none."""
    word = re.sub(r"[ .*~_-]", "", match.group())
    return word if len(set(word)) > 1 else match.group()


_TONES = "\U0001f3fb-\U0001f3ff"
CLAP = re.compile(
    rf"(?<=[^\s\U0001f44f{_TONES}])\s?\U0001f44f[{_TONES}]?\s?"
    r"(?=[^\s\U0001f44f])(?=(?P<more>[^\s\U0001f44f]+\s?\U0001f44f)?)"
)
_CLAP_BEFORE = re.compile(rf"\U0001f44f[{_TONES}]?\s?[^\s\U0001f44f{_TONES}]+\Z")


def clap(match: re.Match[str]) -> str:
    """A blank if there is a single word between this clap and another one: that is emphasis, no applause."""
    before = match.string[max(match.start() - _NEAR, 0) : match.start()]
    return " " if match["more"] or _CLAP_BEFORE.search(before) else match.group()


DOT = re.compile(r"(?<=[a-zA-Z'])\.(?=[a-zA-Z])(?=(?P<more>[a-zA-Z']+\.[a-zA-Z])?)")
_DOT_BEFORE = re.compile(r"[a-zA-Z']\.[a-zA-Z']+\Z")


def dot(match: re.Match[str]) -> str:
    """A blank if there is a single word between this dot and another one: "It's.not.good"."""
    before = match.string[max(match.start() - _NEAR, 0) : match.start()]
    return " " if match["more"] or _DOT_BEFORE.search(before) else match.group()


REPEATED_MARKS = re.compile(r"([!?])\1{3,}")


def three(match: re.Match[str]) -> str:
    """Three of the mark: more of them mean no more."""
    return match[1] * 3


CAPITAL = re.compile(r"(?<=[a-z])[A-Z]")
_HASHTAG = re.compile(r"(?<!\S)#\w*\Z")


def new_word(match: re.Match[str]) -> str:
    """The first letter of another word in a hashtag, with a blank before it: "#NotGood"."""
    before = match.string[max(match.start() - _NEAR, 0) : match.start()]
    return f" {match.group()}" if _HASHTAG.search(before) else match.group()


SIGN_FOR_LETTER = re.compile(
    r"(?<=[a-zA-Z])@(?=[a-zA-Z])(?!\S{,60}\.\w)|(?<=[a-zA-Z])\$+(?!\d)|\$(?=[a-zA-Z]{2})"
)


def letters(match: re.Match[str]) -> str:
    """The letters that signs stand for, as in "b@d" or "a$$"; the @ of an address stands for none."""
    return match.group().replace("@", "a").replace("$", "s")


EMPHASIS = re.compile(
    r"(?<![\w*])(?P<marks>\*{1,3}|_{1,3})(?!\.5|1/2)"
    r"(?P<text>[^\s*_](?:[^*_\n]{,60}[^\s*_])?)(?P=marks)(?![\w*])"
)
"""Words between marks; but "*1/2*" is a star and a half."""


def unmarked(match: re.Match[str]) -> str:
    """Emphasised words with blanks for the marks, which would hide a rating: "**4/5**"."""
    return f" {match['text']} "


HYPHENATION = re.compile(r"(?<=[a-z])(?:-|\u00ad)[ \t]*\r?\n[ \t]*(?=[a-z])")
"""Where a printed line ends within a word."""

BYTES = re.compile(
    r"(?:(?<=[a-zA-Z.,!?])|(?<!.))(?:%[0-9a-fA-F]{2})+|(?:\\x[0-9a-fA-F]{2})+|=[C-Fc-f][0-9a-fA-F](?:=[89ABab][0-9a-fA-F])+"
)
"""Characters as the bytes of UTF-8, as in web addresses, mails, and what Python prints."""


def decoded_bytes(match: re.Match[str]) -> str:
    """The characters, if they are no letters or digits of ASCII, which nobody has to encode."""
    try:
        characters = bytes.fromhex(re.sub(r"%|=|\\x", "", match.group())).decode()
    except UnicodeDecodeError:
        return match.group()
    is_plain = any(character.isascii() and character.isalnum() for character in characters)
    return match.group() if is_plain else characters
