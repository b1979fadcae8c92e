"""The text of a review without its markup, exactly as BeautifulSoup(review, "html.parser").get_text() reads
it.

BeautifulSoup is not in the serving container. It sits on the standard library's HTMLParser; so does this,
with the same decisions: text inside script, style, template, rt and rp is dropped, as are comments and
declarations; CDATA is text; a character reference is read the HTML 5 way and an unknown one stays as written,
without its semicolon.

How malformed markup is read is up to the HTMLParser of the Python that runs, here as in BeautifulSoup: newer
releases of Python read some of it otherwise (3.14 takes "<![x" for a comment).

Three inputs differ, knowingly. Markup at which HTMLParser gives up (before, "<![x") makes BeautifulSoup
raise; here the rest of the review is read as plain text. So is what follows many tags none of which
ends, each of which HTMLParser would look through to the end of the review: time stays proportional to length.
HTMLParser, too, reads such tags as text, so that shows only where references or whole tags stand among them.
And runs of nothing but white space are kept, where BeautifulSoup shortens them to one character: no tokenizer
sees the difference.
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
"""How often HTMLParser may look through a review in vain: people leave a tag open here and there."""


class Piece(NamedTuple):
    """Text of the result, and where in the markup it stands: literally, or as a reference of `length`."""

    text: str
    start: int
    length: int


def html_to_text(markup: str) -> str:
    """The text of `markup`. Tags leave no space behind: "good<br />bad" is "goodbad", as in BeautifulSoup."""
    # Most reviews hold no other markup than this line break, and need no parser.
    text = markup.replace("<br />", "")
    if not _MARKUP_BEGINS.search(text):
        return text
    return "".join(piece.text for piece in text_pieces(markup))


def text_pieces(markup: str) -> list[Piece]:
    """The pieces of text of `markup` in reading order, each with its place in `markup`."""
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
    """HTMLParser has looked for the ends of tags in more text than it is given time for."""


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
        """`end` as it is; below 0 it says that the rest of the review was looked through in vain."""
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
    """The character that "38" or "x26" stands for, and what follows digits that no semicolon ended."""
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
