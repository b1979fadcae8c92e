"""Read the template files of a part and fill their slots from its word lists.

words.txt holds a list a line, `name: word | word | ...`. A template file holds sections; `[capability *5]`
begins one whose templates are filled at most five times each. A line is a marker and a template:

    + positive    - negative    +? not negative    -? not positive    ? no opinion
    = a => b          the same answer for both (in bases.txt only the first text is given)
    up: a => b        the probability of positive rises; down: it falls
    not down: a => b  it does not fall; not up: it does not rise

`{name}` is a word of that list and `{Name}` the same capitalised; `{name.2}` is another word of the list than
`{name}`, and "a" before a slot becomes "an" where the word wants it. Every word of a list gets its turn.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.errors import BenchError

Expectation = Literal[
    "positive",
    "negative",
    "not negative",
    "not positive",
    "no opinion",
    "same",
    "higher",
    "lower",
    "not higher",
    "not lower",
]
MARKERS: dict[str, Expectation] = {
    "+": "positive",
    "-": "negative",
    "+?": "not negative",
    "-?": "not positive",
    "?": "no opinion",
    "=": "same",
    "up:": "higher",
    "down:": "lower",
    "not down:": "not lower",
    "not up:": "not higher",
}
ARROW = " => "
SLOT = re.compile(r"(?:\b([Aa]) )?\{([A-Za-z_]+)(?:\.(\d))?\}")
_SECTION = re.compile(r"\[(.+) \*(\d+)\]")
_LINE = re.compile(r"(\+\??|-\??|\?|=|up:|down:|not down:|not up:) (.+)")
Words = Mapping[str, list[str]]


class Template(NamedTuple):
    """One line of a template file, with the section that it stands in."""

    capability: str
    fillings: int
    expectation: Expectation
    text: str


def read_words(file: Path) -> dict[str, list[str]]:
    """The word lists by their names."""
    lists = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        name, _, words = line.partition(": ")
        lists[name] = [word.strip() for word in words.split(" | ")]
    return lists


def read_templates(file: Path) -> list[Template]:
    """The templates of one file. Raises BenchError for a malformed line."""
    found, capability, fillings = [], "", 0
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if section := _SECTION.fullmatch(line):
            capability, fillings = section[1], int(section[2])
        elif (match := _LINE.fullmatch(line)) and capability:
            found.append(Template(capability, fillings, MARKERS[match[1]], match[2]))
        elif line:
            raise BenchError(f"{file}:{number}: {line!r} is neither a section nor a template")
    return found


def filled(template: Template, words: Words) -> Iterator[tuple[str, ...]]:
    """The texts of a template, at most `fillings` times, each different from those before.

    The two texts of a pair are filled with the same words.
    """
    seen = set()
    for turn in range(template.fillings):
        text = SLOT.sub(partial(_word, template, words, turn), template.text)
        if text not in seen:
            seen.add(text)
            yield tuple(text.split(ARROW))


def _word(template: Template, words: Words, turn: int, slot: re.Match[str]) -> str:
    article, name, suffix = slot[1], slot[2], int(slot[3] or 1)
    choices = words.get(name.lower())
    if choices is None:
        raise BenchError(
            f"{template.text!r} needs the words {name.lower()!r}, and there are none of that name"
        )
    place = number_of(template.text, name.lower()) + turn + 2 * (suffix - 1)
    word = choices[place % len(choices)]
    if name[0].isupper():
        word = word[0].upper() + word[1:]
    if article:
        return f"{article}{'n' if word[0].lower() in 'aeiou' else ''} {word}"
    return word


def number_of(*key: object) -> int:
    """A pseudo-random number that depends only on the key, on any machine and Python."""
    digest = hashlib.sha256("\n".join(map(str, key)).encode())
    return int.from_bytes(digest.digest()[:6], "big")
