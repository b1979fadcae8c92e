"""Replace ratings and emoticons by words: "4.5/5", "nine out of ten" and stars by points out of ten.

So 4.5/5, 9 out of 10, 4 1/2 stars and ★★★★½ are the same rating, 9/10, as in IMDb's reviews; and :-) or =)
are the same smile. Each function is called with a match of the pattern above it. normalisation.py calls them.
"""

import re

_FILLED_STAR = "\u2605"
_GAP = r"(?:\s{1,2}|-)"
_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_POINT = r"\s(?:point|dot)\s"
_DIGIT = rf"(?:\d|{'|'.join(_WORDS[:10])})"
_NUMBER = rf"{_DIGIT}{_POINT}{_DIGIT}|\d{{1,4}}(?:[.,']\d{{1,2}})?|{'|'.join(_WORDS)}"
_HALF = rf"\s?\.5|\s{{,2}}1/2|{_GAP}and{_GAP}(?:a|one){_GAP}half"
_COUNTED = "people|times?|viewers?|critics?|fans|films|movies|episodes|jokes|scenes|women|men|kids|users"
"""What there may be nine of out of ten, which is no rating."""
_WHOLE = r"(?<=5)\sof\s(?:the|this|that|it|its|them)\b"
"""What follows a fraction: "4/5 of the film". (Of ten, the tokenizer reads either as the same word.)"""
_BEFORE = r"(?<![\w/*\u2605])(?<!\d[.,])(?P<minus>-|(?:minus|negative)\s)?"

RATING = re.compile(
    rf"{_BEFORE}(?P<points>{_NUMBER}|(?<!\.)\.\d{{1,2}})(?P<half>{_HALF})?\s?\+?"
    rf"(?:{_GAP}?(?:stars?|points?|pts)(?:{_GAP}rating)?\b|\s?[*\u2605])?"
    rf"(?:\s{{,2}}(?P<slash>/)\s{{,2}}|{_GAP}?\(?out(?:{_GAP}?of|ta){_GAP}?(?:an?{_GAP})?(?:possible{_GAP})?"
    rf"|(?P<of>{_GAP}of{_GAP}))"
    rf"(?P<scale>{_NUMBER})(?P<stars>{_GAP}?stars?|[*\u2605](?![*\u2605\u2606]))?"
    rf"(?![\w*/]|\.\d|\s(?:{_COUNTED})\b)(?(slash)(?!{_WHOLE}))",
    re.IGNORECASE,
)
STARS_IN_WORDS = re.compile(
    rf"{_BEFORE}(?:(?P<points>zero|one|five|(?:two|three|four)(?={_GAP}and)|\d{{1,2}}(?:[.,]5)?)(?P<half>{_HALF})?"
    rf"|(?P<only_half>1/2|\.5|half))(?:{_GAP}|(?<=\d))stars?(?!\w)",
    re.IGNORECASE,
)
NUMBER_OF_STARS = re.compile(
    r"(?<![\w./,*\u2605])(?P<points>\d{1,2}(?:[.,]5)?)\s?\u2605(?!\s?[\u2605\u2606])"
)
SPACED_STARS = re.compile(
    r"(?<![^\s(:])[*\u2605](?:[ \t]{1,2}[*\u2605\u2606]){1,9}(?![ \t]{1,2}[*\u2605\u2606]|[^\s)/.,!?])"
)
STARS = re.compile(
    r"(?P<filled>[*\u2605]+)(?:(?P<half>\.5|1/2)|(?P<half_apart>\s{1,2}1/2))?(?P<hollow>\u2606*)"
    rf"(?:\s{{,2}}\(?(?:/|from|(?:out\s{{1,2}})?of|out)\s{{,2}}(?P<scale>[*\u2605]{{4,10}}|{_NUMBER})\)?(?![\w*]))?",
    re.IGNORECASE,
)
_SLASH_SCALES, _SCALES = (5.0, 10.0, 100.0), (4.0, 5.0, 10.0, 20.0, 100.0)
"""The scales of ratings. "3 out of 4" is a rating, but "3/4" is more often a fraction."""
GRADE = re.compile(
    r"(?<![\w+&])(?P<bare>[A-Da-d]\+|F-)(?![\w+])"
    r"|(?i:(?<=grade)|(?<=rating)|(?<=score))(?::\s{,2}|=)[\"']?"
    r"(?P<graded>[A-DF][+-]|[B-DF]|A(?!\s+(?:[a-z]|[A-Z]{2,}\s+[A-Z]{2})))(?![\w'+])"
)
"""A letter with a plus, or any after "Grade:", but not the article of "Rating: A must"."""
_POINTS_OF_GRADES = {"A": 9, "B": 7, "C": 5, "D": 3, "F": 0}
EMOTICON = re.compile(
    r"(?<![\w:;=])(?:(?P<smile>[:=]'?-?[)\]D]+|\^_?\^|<3+)|[:=]'?-?[(\[/]+|<[/\\]3)(?![\w/])"
)
DATE = re.compile(r"(?<![\w/])(?!(?<=\d\s)1/2/)\d{1,4}/\d{1,4}/\d{1,4}(?![\w/])")
"""A date, whose first two numbers may look like a rating: "7/10/2005". There is none in "7 1/2/10"."""
_MARGIN = 20
"""So many blanks at most may stand before and after the text."""
_MINUS_FOLLOWS = re.compile(r"(?:^|[:(\"]\s|[(\"]|\b(?:an?|it|of|gets?|deserves|is)\s)\Z", re.IGNORECASE)
_LONGEST_BEFORE = 12
_NEW_SENTENCE = re.compile(r"(?:^|[.!?:(\n])\s{,9}\Z")
_SENTENCE_ENDS = re.compile(r"\s*(?:\Z|[.!?)\n])")
"""What may stand on either side of "3 of 5"; so few blanks that the text's beginning is looked at."""


def rating(match: re.Match[str]) -> str:
    """The rating in whole points out of ten, as in IMDb's reviews."""
    points, scale = _number(match["points"], match["half"]), _number(match["scale"])
    if scale not in (_SLASH_SCALES if match["slash"] and not match["stars"] else _SCALES):
        return match.group()
    if match["of"] and not match["stars"] and not _rates(match, points):
        return match.group()
    return _signed(match, points, scale)


def _rates(match: re.Match[str], points: float) -> bool:
    """Whether "9 of 10" is a rating, as at the end of a sentence, and not some of ten things.

    "3 of 5" is one if it stands by itself: of five episodes, somebody may well have seen three.
    """
    if not match["points"][0].isdigit() or points > _number(match["scale"]):
        return False
    if match["scale"] == "5":
        before = match.string[max(match.start() - _LONGEST_BEFORE, 0) : match.start()]
        return bool(_NEW_SENTENCE.search(before) and _SENTENCE_ENDS.match(match.string, match.end()))
    if match["scale"] != "10":
        return False
    following = match.string[match.end() : match.end() + _LONGEST_BEFORE].lstrip()
    return not following or not following[0].isalnum() or following.startswith(("but ", "and "))


def stars_in_words(match: re.Match[str]) -> str:
    """The rating in points out of ten; more than five stars are of ten."""
    if match["only_half"]:
        return _out_of_ten(0.5, 5)
    points = _number(match["points"], match["half"])
    return match.group() if points > 10 else _signed(match, points, 5 if points <= 5 else 10)


def number_of_stars(match: re.Match[str]) -> str:
    """The rating that a number before a star is: "5★"."""
    points = _number(match["points"])
    return match.group() if points > 10 else _out_of_ten(points, 5 if points <= 5 else 10)


def without_blanks(match: re.Match[str]) -> str:
    """A row of stars, without the blanks between them."""
    return re.sub(r"\s", "", match.group())


def stars(match: re.Match[str]) -> str:
    """A row of stars as a rating; a single star is more often a bullet or a footnote.

    Asterisks are a rating if a half or a scale follows ("*1/2", "*** out of 5"), or if they stand at the
    beginning or the end of the text. Elsewhere they replace letters, or frame a spoiler warning.
    """
    text, scale = match.string, match["scale"]
    filled, hollow = len(match["filled"]), len(match["hollow"])
    has_half = match["half"] or (match["half_apart"] and (filled > 1 or scale))
    points = filled + 0.5 if has_half else filled
    total = len(scale) if scale and scale[0] in f"*{_FILLED_STAR}" else _number(scale) if scale else 0
    if text[match.start()] == _FILLED_STAR:
        if filled + hollow == 1 and not has_half and not scale:
            return " "
        row = filled + hollow + bool(has_half) if hollow else 5 if filled <= 5 else 10
        return _out_of_ten(points, total or row)
    before = text[match.start() - 1] if match.start() else " "
    if (scale and (before == "*" or before.isspace())) or (has_half and filled <= 5 and not before.isalnum()):
        return _out_of_ten(points, total or 5)
    begins = match.start() <= _MARGIN and not text[: match.start()].strip()
    ends = len(text) - match.end() <= _MARGIN and not text[match.end() :].strip()
    parted = (begins or text[match.start() - 1].isspace()) and (ends or text[match.end()].isspace())
    stripped = text.strip() if begins or ends else text
    framed = (begins and not ends and stripped[-1] == "*") or (ends and not begins and stripped[0] == "*")
    if 2 <= filled <= 5 and (begins or ends) and parted and not framed:
        return _out_of_ten(points, 5)
    return match.group()


def grade(match: re.Match[str]) -> str:
    """A letter grade as a rating."""
    letters: str = match["bare"] or match["graded"]
    points = _POINTS_OF_GRADES[letters[0].upper()] + letters.count("+") - letters.count("-")
    return _out_of_ten(max(points, 0), 10)


def emoticon(match: re.Match[str]) -> str:
    """A smile or its opposite as a word."""
    return " smiley " if match["smile"] else " frowny "


def date(match: re.Match[str]) -> str:
    """The numbers of a date."""
    return match.group().replace("/", " ")


def _number(written: str, half: str | None = None) -> float:
    whole, *tenths = re.split(_POINT, written, flags=re.IGNORECASE)
    if tenths:
        return _number(whole) + _number(tenths[0]) / 10
    if written.isalpha():
        return _WORDS.index(written.lower()) + 0.5 * bool(half)
    return float(re.sub("[,']", ".", written)) + 0.5 * bool(half)


def _signed(match: re.Match[str], points: float, scale: float) -> str:
    """The rating; none is below zero, and a hyphen is more often a dash: "A fine film -9/10"."""
    if match["minus"] == "-":
        before = match.string[max(match.start() - _LONGEST_BEFORE, 0) : match.start()]
        if not _MINUS_FOLLOWS.search(before if len(before) == _LONGEST_BEFORE else before.lstrip()):
            return f"-{_out_of_ten(points, scale)}"
    return _out_of_ten(0 if match["minus"] else points, scale)


def _out_of_ten(points: float, scale: float) -> str:
    return f" {min(int(10 * points / max(scale, 1) + 0.5), 10)}/10 "
