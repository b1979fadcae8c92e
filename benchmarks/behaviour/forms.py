"""Variants of a text with the same meaning: as devices write it, as people mistype it, and in markup.

Each function takes a text as typed on a plain keyboard, and yields pairs (text, variant).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

from benchmarks.behaviour.templates import number_of

Pairs = Iterator[tuple[str, str]]
APOSTROPHES = ("\u2019", "\u02bc", "\u00b4", "\u0060", "\uff07")
SPACES = ("\u00a0", "\u202f", "\u2009", "  ", " \u200b")
SCENERY = ("🎬", "🍿", "📺", "🎞️", "🎟️")
"""Emoji that name things and express no opinion."""
LIGATURES = {"ffi": "\ufb03", "ff": "\ufb00", "fi": "\ufb01", "fl": "\ufb02"}
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)} | {0x20: 0x3000}
EXPANDED = (
    (r"\b([Ww])on't\b", r"\1ill not"),
    (r"\b([Cc])an't\b", r"\1annot"),
    (r"n't\b", " not"),
    (r"\bI'm\b", "I am"),
    (r"\bI'd\b", "I would"),
    (r"\b([Ii]t|[Tt]hat|[Tt]here|[Hh]e|[Ss]he)'s\b", r"\1 is"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
)
_INVERTED = re.compile(r"n't (?:I|you|he|she|it|we|they)\b")
_UNAMBIGUOUS = re.compile(
    r"\b(?:\w+n't|I'm|I've|[Ii]t's|[Tt]hat's|[Yy]ou'll|[Yy]ou've|[Tt]hey've|[Tt]here's)\b"
)
_LONG_WORD = re.compile(r"[A-Za-z]{5,}")


def apostrophes(text: str) -> Pairs:
    """With the other characters that devices write as an apostrophe."""
    for apostrophe in APOSTROPHES if "'" in text else ():
        yield text, text.replace("'", apostrophe)


def no_apostrophes(text: str) -> Pairs:
    """Without apostrophes, unless that gives another word: "dont" and "its", but not "were" for "we're"."""
    bare = _UNAMBIGUOUS.sub(lambda match: match[0].replace("'", ""), text)
    if bare != text:
        yield text, bare


def expanded_contractions(text: str) -> Pairs:
    """With "did not" for "didn't", and so on, except in questions."""
    expanded = text
    for short, long in EXPANDED:
        expanded = re.sub(short, long, expanded)
    if expanded != text and not _INVERTED.search(text):
        yield text, expanded


def letter_case(text: str) -> Pairs:
    """In capitals, and in lower case."""
    yield text, text.upper()
    yield text, text.lower()


def punctuation(text: str) -> Pairs:
    """Without a mark at the end, and without commas."""
    yield text, text.rstrip(".!?")
    if "," in text:
        yield text, text.replace(",", "")


def typing_errors(text: str) -> Pairs:
    """With two neighbouring letters inside one long word exchanged."""
    words = list(_LONG_WORD.finditer(text))
    if words:
        word = words[number_of(text) % len(words)]
        place = word.start() + 1 + number_of(text, "letter") % (len(word[0]) - 3)
        if text[place] != text[place + 1]:
            yield text, text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def spaces(text: str) -> Pairs:
    """With other kinds of spaces between words, and soft hyphens inside long words."""
    yield text, text.replace(" ", SPACES[number_of(text) % len(SPACES)])
    hyphenated = _LONG_WORD.sub(lambda word: f"{word[0][:3]}\u00ad{word[0][3:]}", text)
    if hyphenated != text:
        yield text, hyphenated


def full_width(text: str) -> Pairs:
    """In the full-width letters of East Asian keyboards."""
    yield text, text.translate(FULL_WIDTH)


def scenery(text: str) -> Pairs:
    """With a sentence after it that says nothing about a film."""
    yield text, f"{text} {SCENERY[number_of(text) % len(SCENERY)]}"


def typography(text: str) -> Pairs:
    """With the quotes, dashes, ellipses, ligatures and accents of word processors."""
    bare = text.rstrip(".!?")
    quoted, ended = f'"{text}"', f"{bare}..."
    yield [
        (quoted, f"“{text}”"),
        (quoted, f"«{text}»"),
        (ended, f"{bare}…"),
        (f"Seen at last - {text}", f"Seen at last – {text}"),
        (f"Seen at last -- {text}", f"Seen at last — {text}"),
        (f"Seen in a café: {text}", unicodedata.normalize("NFD", f"Seen in a café: {text}")),
    ][number_of(text) % 6]
    joined = text
    for letters, ligature in LIGATURES.items():
        joined = joined.replace(letters, ligature)
    if joined != text:
        yield text, joined


def markup(text: str) -> Pairs:
    """With tags or character references, as copied from a web page."""
    yield [
        (f'"{text}"', f"&quot;{text}&quot;"),
        (text, text.replace(" ", "&nbsp;")),
        (text, f"<p>{text}</p>"),
        (text, f"{text}<br />"),
    ][number_of(text) % 4]
    if "'" in text:
        yield text, text.replace("'", ("&#39;", "&rsquo;", "&apos;")[number_of(text) % 3])


FORMS: dict[str, Callable[[str], Pairs]] = {
    "apostrophes of other forms": apostrophes,
    "apostrophes left out": no_apostrophes,
    "contractions written out": expanded_contractions,
    "letter case": letter_case,
    "punctuation": punctuation,
    "typing errors": typing_errors,
    "spaces and soft hyphens": spaces,
    "full-width letters": full_width,
    "emoji that judge nothing": scenery,
    "typography": typography,
    "markup": markup,
}
