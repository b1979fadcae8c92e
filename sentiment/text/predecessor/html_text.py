"""Extract the text of a review, exactly as BeautifulSoup(review, "html.parser").get_text() does.

The serving container lacks BeautifulSoup. Like BeautifulSoup, this is based on the standard library's
HTMLParser and follows the same rules: text inside script, style, template, rt and rp is dropped, as are
comments and declarations; CDATA is text; character references are read as in HTML 5, and unknown ones stay as
written, without the semicolon.

The HTMLParser of the running Python decides how malformed markup is read, as in BeautifulSoup: newer releases
differ for some of it (3.14 takes "<![x" for a comment).

There are three deliberate differences:

- Where HTMLParser gives up (before 3.14 at "<![x"), BeautifulSoup raises an error. Here, the rest of the
  review is plain text.
- After many unterminated tags ("<a <a <a"), the rest of the review is plain text, because HTMLParser would
  search all of it for the end of each; this keeps the time proportional to the length. HTMLParser treats such
  tags as text as well, so the result differs only if there are references or complete tags among them.
- BeautifulSoup shortens runs of white space between tags to one character. Here they are kept, which makes no
  difference to tokenizers.
"""

import re
from collections import Counter
from html.entities import html5
from html.parser import HTMLParser
from typing import NamedTuple

_HIDDEN = frozenset({"script", "style", "template", "rt", "rp"})
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "keygen",
        "link",
        "menuitem",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "basefont",
        "bgsound",
        "command",
        "frame",
        "image",
        "isindex",
        "nextid",
        "spacer",
    ]
)
_LEADING_DIGITS = {10: re.compile("^([0-9]+)(.*)"), 16: re.compile("^([0-9a-f]+)(.*)")}
_REPLACEMENT = "�"
_MARKUP_BEGINS = re.compile("&|<[a-zA-Z/!?]")
_LOOKS_TO_THE_END = 8
"""HTMLParser may search this many times the length of a review in vain: a few tags are often unterminated."""


class Piece(NamedTuple):
    """A piece of the result, and its position in the markup: `length` characters from `start` on.

    The markup there is the text itself, or a character reference.
    """

    text: str
    start: int
    length: int


def html_to_text(markup: str) -> str:
    """The text of `markup`. Tags leave no space: "good<br />bad" becomes "goodbad", as in BeautifulSoup."""
    # Most reviews have no other markup than this line break, and need no parser.
    text = markup.replace("<br />", "")
    if not _MARKUP_BEGINS.search(text):
        return text
    return "".join(piece.text for piece in text_pieces(markup))


def text_pieces(markup: str) -> list[Piece]:
    """The pieces of text in `markup`, in order, each with its position."""
    if not _MARKUP_BEGINS.search(markup):
        return [Piece(markup, 0, len(markup))]
    parser = _TextParser(markup)
    try:
        parser.feed(markup)
        parser.close()
    except _TooManyOpenTags:
        parser.take_the_rest_as_text()
    except AssertionError:  # HTMLParser's way of giving up on malformed declarations
        parser.close_all_tags()
        parser.take_the_rest_as_text()
    return parser.pieces


class _TooManyOpenTags(Exception):
    """HTMLParser has searched too much text for the ends of tags."""


class _TextParser(HTMLParser):
    def __init__(self, markup: str):
        super().__init__(convert_charrefs=False)
        self.pieces: list[Piece] = []
        self._markup = markup
        self._line_starts = [0] + [match.end() for match in re.finditer("\n", markup)]
        self._open_tags: list[str] = []
        self._open = Counter[str]()
        self._hidden = 0
        self._closed_void = Counter[str]()
        self._looked_through = 0

    def _position(self) -> int:
        line, column = self.getpos()
        return self._line_starts[line - 1] + column

    def _add(self, text: str, length: int) -> None:
        if text and not self._hidden:
            self.pieces.append(Piece(text, self._position(), length))

    def take_the_rest_as_text(self) -> None:
        rest = self._markup[self._position() :]
        self._add(rest, len(rest))

    def close_all_tags(self) -> None:
        while self._open_tags:
            self._close_last_tag()

    def parse_starttag(self, i: int) -> int:
        return self._ended(super().parse_starttag(i), i)

    def parse_endtag(self, i: int) -> int:
        return self._ended(super().parse_endtag(i), i)

    def parse_comment(self, i: int, report: bool = True) -> int:
        return self._ended(super().parse_comment(i, report), i)

    def parse_pi(self, i: int) -> int:
        return self._ended(super().parse_pi(i), i)

    def parse_html_declaration(self, i: int) -> int:
        return self._ended(super().parse_html_declaration(i), i)

    def _ended(self, end: int, begin: int) -> int:
        """Return `end`. It is below 0 if the rest of the review was searched in vain, which is limited."""
        if end < 0:
            self._looked_through += len(self.rawdata) - begin
            if self._looked_through > _LOOKS_TO_THE_END * len(self._markup):
                raise _TooManyOpenTags
        return end

    def handle_data(self, data: str) -> None:
        self._add(data, len(data))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # A void element is closed at once; its own end tag, should one follow, closes nothing else.
        if tag in _VOID:
            self._closed_void[tag] += 1
        else:
            self._open_tags.append(tag)
            self._open[tag] += 1
            self._hidden += tag in _HIDDEN

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """<tag/> opens and closes: nothing to remember."""

    def handle_endtag(self, tag: str) -> None:
        if self._closed_void[tag]:
            self._closed_void[tag] -= 1
        elif self._open[tag]:
            while self._close_last_tag() != tag:
                continue

    def _close_last_tag(self) -> str:
        tag = self._open_tags.pop()
        self._open[tag] -= 1
        self._hidden -= tag in _HIDDEN
        return tag

    def handle_charref(self, name: str) -> None:
        text, rest = _numeric_reference(name)
        self._add(text + rest, len(name) + 2)

    def handle_entityref(self, name: str) -> None:
        character = html5.get(name + ";", html5.get(name))
        self._add(f"&{name}" if character is None else character, len(name) + 1)

    def unknown_decl(self, data: str) -> None:
        if data.upper().startswith("CDATA["):
            start = len("<![CDATA[")
            text = data[len("CDATA[") :]
            self.pieces.append(Piece(text or " ", self._position() + start, len(text)))


def _numeric_reference(name: str) -> tuple[str, str]:
    """The character for a numeric reference such as "38" or "x26", and any text after its digits."""
    base = 16 if name[:1] in ("x", "X") else 10
    digits = name[1:] if base == 16 else name
    rest = ""
    try:
        number = int(digits, base)
    except ValueError:
        match = _LEADING_DIGITS[base].match(digits)
        if match is None:
            return "", digits
        number, rest = int(match.group(1), base), match.group(2)
    if number == 0 or number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        return _REPLACEMENT, rest
    if 0x80 <= number <= 0x9F:  # HTML 5 reads these controls as windows-1252
        return bytes([number]).decode("cp1252", errors="ignore") or chr(number), rest
    return chr(number), rest
