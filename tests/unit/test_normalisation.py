"""What means the same is read as the same, however a device or a person writes it; and keeps its place."""

import functools
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentiment_fixtures import model_folder

from sentiment.data import sample, snippets
from sentiment.serving.predictor import Predictor
from sentiment.text.normalisation import normalise, normalise_with_places
from sentiment.text.repeats import fold, fold_repeats
from sentiment.text.tokenizers import tokenizer
from sentiment.text.words import locate_words, words

APOSTROPHES = "\u2019\u2018\u02bc\u00b4`\uff07\u2032\u201b\u0092"


@pytest.mark.parametrize("apostrophe", APOSTROPHES)
def test_every_apostrophe_is_one(apostrophe):
    assert words(f"You won{apostrophe}t be. It isn{apostrophe}t!") == words("You won't be. It isn't!")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dont cant wasnt isnt didnt", "don't can't wasn't isn't didn't"),
        ("im sure youre right, thats that", "i'm sure you're right, that's that"),
        ("whos there, youd say", "who's there, you'd say"),
        ("its well were", "its well were"),  # words of their own
        ("well\u2026 ok", "well... ok"),
        ("well.. ok....", "well... ok..."),
        ("a \u201cgreat\u201d film \u2014 truly", 'a "great" film - truly'),
        ("a\u00a0great\u2009film\u3000really", "a great film really"),
        ("wo\u200bn't dis\u00adappoint\ufeff", "won't disappoint"),
        ("\uff47\uff52\uff45\uff41\uff54\u3000\uff46\uff49\uff4c\uff4d\uff01", "great film!"),
        ("\ufb01ne \ufb02at", "fine flat"),
        ("caf\u00e9 na\u00efve", "cafe naive"),
        ("cafe\u0301", "cafe"),
        ("it&rsquo;s &quot;good&quot; &#38; don&#39;t", "it's \"good\" & don't"),
        ("fine<br/>film<br />good", "fine film good"),
        ("&amp;quot;it&amp;amp;#39;s&amp;quot;&lt;br /&gt;a &amp; b", '"it\'s" a & b'),
        ("it\\u2019s \\'fine\\'.\\nGood\\r\\n", "it's 'fine'. Good"),
        ("fun \\ud83d\\ude0d\\uD83D\\uDC4D \\ud83d dull", "fun \U0001f60d \U0001f44d dull"),
        ("don\u2035t don\uff40t don\u1feft don\u02cbt don\ufffdt", "don't " * 5),
        ("don' t don\u2019 t don 't don t don''t don;t don,t don?t don\\'t can\"t", "don't " * 9 + "can't"),
        ("do n't, did nt, was'nt, could'n't, CA NT, is n t", "don't didn't wasn't couldn't can't isn't"),
        ("vitamin t and an 't as in nt", "vitamin t and an 't as in nt"),
        ("see https://example.org/a-great-film. ok", "see . ok"),
        ("@some_body www.example.org! fine", "! fine"),
        ("[b]fine[/b] [spoiler]it ends[/spoiler]", "fine it ends"),
        ("what\u3002 really\u061f no\u2757", "what. really? no!"),
        ("\u0262\u0280\u1d07\u1d00\u1d1b \ua730\u026a\u029f\u1d0d", "great film"),  # small capitals
        (
            "\U0001f176\U0001f181\U0001f174\U0001f170\U0001f183 \U0001f155\U0001f158\U0001f15b\U0001f15c",
            "great film",
        ),
        ("goo\u0111 \u0180ad \u0257ull \u0251 \u0261oo\u00f0", "good bad dull a good"),
        ("gr\u0435\u0430t \u0430nd \u0410wful, \u03bfh n\u03bf", "great and Awful, oh no"),
        ("the \u0444\u0438\u043b\u044c\u043c\u0430", "the"),  # a whole word of another alphabet
        ("gre\u0640at", "great"),
        ("4\u2b50/5 film", "8/10 film"),
        ("3 \u2b50\ufe0f out of 5\u2b50\ufe0f", "6/10"),
    ],
)
def test_what_means_the_same_is_read_the_same(written, meant):
    assert words(written) == words(meant)


@pytest.mark.parametrize(
    ("written", "rating"),
    [
        *[("4.5/5", 9), ("4,5 out of 5", 9), ("9 out of 10", 9), ("2 out of ten", 2), ("8 / 10 stars", 8)],
        *[("three out of five", 6), ("7\u00bd/10", 8), ("3 out of 4 stars", 8), ("95/100", 10)],
        *[("11/10", 10), ("9 outta 10", 9), ("9\u221510", 9), ("\u2605\u2605\u2605\u00bd", 7)],
        *[("\u272e\u272e\u272e\u272e\u2729", 8), (" ****\n", 8)],
        *[("\u2605\u2605\u2605\u2605\u2606", 8), ("\u2b50" * 5, 10), ("\u2605\u2606\u2606\u2606\u2606", 2)],
        *[("****", 8), ("** out of *****", 4), ("*** out of 5", 6), ("5 stars", 10), ("zero stars", 0)],
        *[("1/2", None), ("3/4", None), ("9/11", None), ("24/7", None), ("its two stars", None)],
        *[("*** SPOILERS ***", None), ("f**** good", None), ("\u2605", None)],
        *[("8 1/2 out of 10", 9), ("3 1/2 stars", 7), ("three and a half stars", 7), ("9\u00be/10", 10)],
        *[("*1/2 from ****", 4), ("***1/2", 7), ("(**1/2)", 5), ("* 1/2 (out of four)", 4), ("1/2 star", 1)],
        *[("1 of 5 stars", 2), ("8 of 10 stars", 8), ("I give it 4 of 10.", 4), ("2 of 10 but fun", 2)],
        *[("9 of 10 episodes", None), ("nine out of ten people hated it", None), ("* one\n* two", None)],
        *[("1 out of a possible 10", 1), ("3 stars (out of a possible 10)", 3), ("2 points out of 10", 2)],
        *[("10-out-of-10", 10), ("9out of10", 9), ("8+/10", 8), (".5/10", 1), ("good film.4.5/5", 9)],
        *[("3/4 stars", 8), ("4/4 stars", 10), ("9'5/10", 10), ("8 stars", 8), ("5stars", 10)],
        *[("5\u2b50", 10), ("1 \u2605", 2), ("10\u2b50\ufe0f", 10), ("\U0001f51f/\U0001f51f", 10)],
        *[("\u2b50 \u2b50 \u2b50 \u2b50 \u2b50", 10), ("\u2605 \u2605 \u2605 \u2606 \u2606", 6)],
        *[("* * * *", 8), ("\u2605\u2605\u2605\u00bd\u2606", 7), ("\u2605\u2605/" + "\u2605" * 5, 4)],
        *[("-10/10", 0), ("Rating: \u22121/10", 0), ("I give it a -5/10", 0), ("minus ten out of ten", 0)],
        *[("negative 3 stars", 0), ("A fine film -9/10", 9), ("seen on 7/10/2005", None), ("10/1/99", None)],
        *[("A+", 10), ("Grade: D-", 2), ("an F-", 0), ("C++", None), ("grade B film", None)],
        *[("Disney+", None), ("Grade:  B", 7), ("Rating: A must", None), ("RATING: A WASTE OF TIME", None)],
        *[("Grade: A", 9), ("Grade: A DVD Extras", 9), ("Grade: A- though", 8), ("Grade: B for it", 7)],
        *[("**4/5**", 8), ("*1/2*", 3), ("_3.5/5_", 7), ("*2 stars*", 4), ("**Mine: 3 out of 5**", 6)],
        *[("__4/5__", 8), ("3\u2605 of 5 stars", 6), ("3*/5", 6), ("4/5*", 8)],
        *[("\u20148/10", 8), ("Mine: \u2014 8/10", 8), ("Mine: \u00978/10", 8), ("7 1/2/10", 8)],
        *[("4/5 of the film", None), ("1/5 of its scenes", None), ("3 out of 5 of the scale", 6)],
        *[("1/2/10", None), ("4+ of 10", 4), ("6 point 5 out of 10", 7), ("Eight dot six/10", 9)],
        *[("at this point 5 out of 10", 5), ("3 of 5", 6), ("Loved it. 4 of 5.", 8), ("Mine: 2 of 5", 4)],
        *[("I saw 3 of 5.", None), ("3 of 5 episodes", None), ("3 of 4", None)],
    ],
)  # fmt: skip
def test_ratings_are_points_out_of_ten(written, rating):
    found = [word for word in words(f"{written}") if re.fullmatch(r"\d+/10", word)]
    assert found == ([] if rating is None else [f"{rating}/10"])


@pytest.mark.parametrize(
    ("escaped", "meant"),
    [
        (r"great \u003a-)", "great :-)"),
        (r"\u2605\u2605\u2605\u2605 great", "\u2605\u2605\u2605\u2605 great"),
        (r"8 \u006fut of 10", "8 out of 10"),
    ],
)
def test_what_an_escape_stands_for_is_read_as_if_it_had_been_typed(escaped, meant):
    """Though nothing in the text as it is written looks like a rating or an emoticon."""
    assert words(escaped) == words(meant)
    assert locate_words(escaped).words == words(meant)


@pytest.mark.parametrize(
    ("review", "meant"),
    [("9<br />/10", "9/10"), ("9 out<br />of 10", "9/10"), ("it did<br />nt work", "it didn't work")],
)
def test_words_are_located_across_the_line_breaks_within_what_belongs_together(review, meant):
    """Most reviews with line breaks take a faster way, but only if it gives the same words."""
    assert words(review) == meant.split()
    assert locate_words(review).words == meant.split()


def test_what_only_looks_like_something_to_replace_keeps_its_places():
    """Here "&Blues" is no entity, "can T" no contraction and "3/4" no rating.

    Because of the é, the place of each character is followed.
    """
    tokens = locate_words("Rhythm &Blues caf\u00e9, can T. rex win 3/4")
    assert tokens.surfaces == ["Rhythm", "Blues", "caf\u00e9", "can", "T", ".", "rex", "win", "3/4"]
    assert locate_words("Rhythm &Blues").surfaces == ["Rhythm", "Blues"]


@pytest.mark.parametrize("charset", ["cp1252", "latin-1", "mac_roman"])
@pytest.mark.parametrize("times", [1, 2])
def test_text_decoded_with_the_wrong_charset_is_read_as_it_was_meant(charset, times):
    meant = (
        "don\u2019t call it caf\u00e9 \u2013 \u2605\u2605\u2606\u2606\u2606 \U0001f44e\u2026 fine\u00a0film"
    )
    misread = meant
    for _ in range(times):
        misread = "".join(_misread(byte, charset) for byte in misread.encode())
    assert misread != meant and words(misread) == words(meant)


def _misread(byte: int, charset: str) -> str:
    try:
        return bytes([byte]).decode(charset)
    except UnicodeDecodeError:  # browsers take the byte for a control character
        return chr(byte)


def test_a_misread_quote_or_blank_may_have_lost_its_last_byte():
    assert words("a \u00e2\u20ac\u0153fine\u00e2\u20ac film.\u00c2 Good") == words("a fine film. Good")
    assert words("na\u00efve, \u00e2ge, clich\u00e9\u2026\u201d \u00c2ge") == words(
        "naive, age, cliche... Age"
    )


@pytest.mark.parametrize("blank", ["\t", "\n", "\r\n", "  ", "\u00a0"])
def test_ratings_go_on_in_the_next_line(blank):
    written = [
        "9 out of 10",
        "8 stars out of 10",
        "one star",
        "8 / 10",
        "four out of five stars",
        "9 outta 10",
    ]
    for each in written:
        assert words(each.replace(" ", blank) + " ok") == words(f"{each} ok")
    assert words(f"{blank}**** ok{blank}") == words("**** ok")


def test_emoji_and_emoticons_are_words():
    assert words("movie \U0001f60d") == ["movie", "emojiloved"]
    assert words("\U0001f44d\U0001f3fd \u2764\ufe0f \U0001f44e") == ["emojigood", "emojiloved", "emojibad"]
    assert words("nice :-) :D =) <3") == ["nice", *["smiley"] * 4]
    assert words("no :( :-/ :'(") == ["no", *["frowny"] * 3]
    assert words("see http://example.org/x: (a) or b:(c)") == words("see a or b c")


@pytest.mark.parametrize(
    ("stylised", "plain"),
    [
        ("this was B-A-D, and b o r i n g", "this was bad, and boring"),
        ("i s n ' t   g o o d", "isn't good"),
        ("in the U.S.A. in 1936. A.K.A. M*A*S*H", "in the usa in 1936. aka. mash"),
        ("an A. I saw e.g. a b, a a a", "an A. I saw e.g. a b, a a a"),  # too few letters
        ("It's.not.good", "It's not good"),
        ("It ended.Good", "It ended.Good"),  # a blank is missing
        ("I \U0001f44f did \U0001f44f not\U0001f44f\U0001f3fdlike \U0001f44f it", "I did not like it"),
        ("#NotGood #DontBother #bad_film", "not good dont bother bad film"),
        ("b@d and a$$, $hit, US$5 for $20", "bad and ass, shit, US 5 for 20"),
        ("somebody@example.org", "somebody example.org"),
        ("fine!!!!!!!!!!! really???????", "fine!!! really???"),
        ("It isn%27t%20good. It isn%E2%80%99t.", "It isn't good. It isn't."),
        ("50%20 of us, %20 of us", "50 20 of us, 20 of us"),
        (r"It isn\xe2\x80\x99t. isn=E2=80=99t", "It isn't. isn't"),
        ("bo-\nring, won\u00ad\r\nderful", "boring, wonderful"),
        ("the film-\n\nboring", "the film boring"),
        ("isn#t isn-t isn*t", "isn't isn't isn't"),
        ("[url=https://example.org/great]Dull[/url] film", "Dull film"),
        ("[Dull](https://example.org/great) film", "Dull film"),
        ("(https://example.org/great)dull https://example.org/A_(great_b)", "dull"),
        ("\x1b[1;31mdull\x1b[0m film", "dull film"),  # as copied from a terminal
        ("</3", ":("),
    ],
)
def test_words_in_a_striking_or_coded_form_are_read_as_the_plain_words(stylised, plain):
    assert words(stylised) == words(plain)


def test_words_of_a_hashtag_are_located_one_by_one():
    assert locate_words("ok #NotGoodAtAll").surfaces == ["ok", "Not", "Good", "At", "All"]


def test_a_capital_letter_after_small_ones_is_no_part_of_a_contraction():
    assert words("can T. rex win") == ["can", "t", ".", "rex", "win"]
    assert words("CAN T win") == words("Can t win") == ["can't", "win"]


def test_words_2_reads_emoji_as_the_words_that_people_would_write():
    review, earlier = "movie \U0001f60d, isn\u2019t it \U0001f44e :-)", tokenizer("words", 2)
    assert earlier(review) == ["movie", "loved", "isn't", "it", "bad", "smiley"]
    tokens = earlier.locate(review)
    assert list(zip(tokens.words, tokens.surfaces, strict=True))[1:] == [
        *(("loved", "\U0001f60d"), ("isn't", "isn\u2019t"), ("it", "it"), ("bad", "\U0001f44e")),
        ("smiley", ":-)"),
    ]


def test_drawn_out_words_are_those_that_the_vocabulary_knows():
    known = {"so": 10, "good": 40, "sucks": 900, "too": 50, "to": 4, "soo": 30_000, "boo": 7000, "ii": 700}
    found = fold_repeats(["sooo", "goood", "suuuucks", "tooo", "booooo", "zzzz", "iii", "so"], known)
    assert list(found) == ["so", "good", "sucks", "too", "boo", "zzzz", "iii", "so"]
    assert fold("goooood", {}) == "goooood"


def test_training_and_serving_read_drawn_out_words_alike(tmp_path):
    from sentiment.data.channels import read_channel, read_word_dict
    from sentiment.data.prepared import prepare
    from sentiment.data.reviews import table

    texts = ["so good a film", "sooo goood a film", "goooood", "zzzz so", "good good so so"]
    rows = [(text, n % 2, "train", str(n)) for n, text in enumerate(texts)]
    prepared = prepare(table([*rows, ("soooo", 1, "validation", "v")]), "words", tmp_path, progress=False)
    channel, known = read_channel(prepared.train, "train"), read_word_dict(prepared.train)
    read = tokenizer("words")
    for number, text in enumerate(texts):
        assert np.array_equal(channel.review(number), read.encode(known, read(text)))
    assert np.array_equal(channel.review(0), channel.review(1))


pieces = st.sampled_from(
    [
        *APOSTROPHES,
        *(
            "don",
            "t",
            " ",
            "\n",
            "<br />",
            "&amp;",
            "&#8217;",
            "\u00ad",
            "\u200b",
            "\U0001f60d",
            "\u2764\ufe0f",
        ),
        *("\u2605\u2605", "\u2606", "*", "****", "4.5/5", "9 out of 10", ":-)", "...", "\ufb01", "\u00e9"),
        *(
            "\U0001f44f",
            "#",
            "Ab",
            "-",
            "\u00ad\n",
            "%27",
            "\\xc3\\xa9",
            "1/2",
            "A+",
            " of ",
            "_",
            "\u2014",
            "@",
            "$",
            "!!!!",
        ),
        *(
            "\u00ad",
            "e\u0301",
            "\u0130",
            "\u0431",
            "\u6620",
            "\u00bd",
            "<b",
            ">",
            "&",
            "7",
            "/",
            ".",
            " stars",
            "1",
        ),
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(pieces, max_size=14).map("".join)))
def test_places_come_with_the_same_text(review):
    text, found = normalise_with_places(review)
    places = found.spans()
    assert text == normalise(review) and len(places) == len(text)
    assert places == sorted(places) and all(0 <= start < end <= len(review) for start, end in places)
    tokens = tokenizer("words").locate(review)
    assert tokens.words == words(review)
    spans = zip(tokens.starts, tokens.ends, strict=True)
    assert tokens.surfaces == [review[start:end] for start, end in spans]


LONG_WORD = re.compile(r"[A-Za-z]{5,}")
LIGATURES = {"ffi": "\ufb03", "ff": "\ufb00", "fi": "\ufb01", "fl": "\ufb02"}


def inside_words(character):
    return lambda text: LONG_WORD.sub(lambda word: f"{word[0][:3]}{character}{word[0][3:]}", text)


def with_ligatures(text):
    return re.sub("ffi|ff|fi|fl", lambda letters: LIGATURES[letters[0]], text)


SUBSTITUTIONS = {
    **{
        f"U+{ord(apostrophe):04X} for an apostrophe": lambda text, other=apostrophe: text.replace("'", other)
        for apostrophe in APOSTROPHES
    },
    "en dashes": lambda text: text.replace(" - ", " \u2013 "),
    "em dashes": lambda text: text.replace("--", "\u2014"),
    "hyphens of their own": lambda text: text.replace("-", "\u2010"),
    "no-break hyphens": lambda text: text.replace("-", "\u2011"),
    "minus signs": lambda text: text.replace("-", "\u2212"),
    "ligatures": with_ligatures,
    "soft hyphens": inside_words("\u00ad"),
    "zero-width characters": inside_words("\u200b"),
    "zero-width joiners": inside_words("\u200d"),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "entities in decimals": lambda text: re.sub(r"[^\w\s]", lambda mark: f"&#{ord(mark[0])};", text),
    "named entities": lambda text: text.replace("'", "&rsquo;").replace('"', "&quot;").replace(" ", "&nbsp;"),
    "no-break blanks": lambda text: text.replace(" ", "\u00a0"),
    "zero-width blanks": lambda text: text.replace(" ", " \u200b"),
    "an ellipsis": lambda text: text.replace("...", "\u2026"),
    "curly quotes": lambda text: text.replace('"', "\u201d"),
    "full width": lambda text: "".join(
        chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text
    ),
    "curly apostrophes in the wrong charset": lambda text: text.replace("'", "\u00e2\u20ac\u2122"),
    "apostrophes one key away": lambda text: re.sub(r"(?<=\b(?:do|is)n)'t", ";t", text),
    "split contractions": lambda text: re.sub(r"(?<=\b(?:do|is))n't", " n't", text),
    "negations written out": lambda text: re.sub(
        r"(?<=[ds])n't", " not", re.sub(r"\b(can|Can)'t\b", r"\1not", text)
    ),
    "verbs contracted": lambda text: re.sub(r"\b([Ii]t|[Tt]hat|[Hh]e) is\b", r"\1's", text),
    "tabs": lambda text: text.replace(" ", "\t"),
    "twice as many blanks": lambda text: text.replace(" ", "  "),
    "an address at the end": lambda text: f"{text} https://www.example.org/title/tt0111161/",
    "Cyrillic letters": lambda text: text.translate(
        str.maketrans("aeopcxy", "\u0430\u0435\u043e\u0440\u0441\u0445\u0443")
    ),
    "separate accents": lambda text: unicodedata.normalize("NFD", text),
}
RARE = ("an ellipsis", "separate accents", "en dashes", "em dashes")


@pytest.fixture(scope="module")
def real_texts():
    """Without those with markup, which has no other form."""
    texts = [text for texts in (sample.load().texts, snippets.load().texts) for text in texts[::40]]
    return [text for text in texts if "&" not in text and "<" not in text]


words_once = functools.cache(words)


@pytest.fixture(scope="module")
def verdicts(real_texts):
    """The verdicts on all real texts with a substitution: probability, and reason for none."""
    predictor = Predictor.from_folder(model_folder())

    @functools.cache
    def of(change):
        predictions = predictor.predict([change(text) for text in real_texts])
        return [(each.probability, each.reason) for each in predictions]

    return of


@pytest.mark.parametrize("step", [6, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", SUBSTITUTIONS)
def test_real_texts_read_the_same_with_each_substitution(real_texts, name, step):
    changed = 0
    for text in real_texts[::step]:
        other = SUBSTITUTIONS[name](text)
        changed += other != text
        assert words(other) == words_once(text)
    assert changed > (0 if name in RARE else 5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBSTITUTIONS)
def test_real_texts_get_the_same_verdict_with_each_substitution(verdicts, name):
    """Not only the words decide: whether a text is English is also told by its letters as they are typed."""
    assert verdicts(SUBSTITUTIONS[name]) == verdicts(str)
    assert {reason for _, reason in verdicts(str)} > {None, "no_evidence"}
