"""The lean tokenizers against what they stand for: BeautifulSoup, nltk's stemmer, and each other."""

import functools
import html
import re
import time
import warnings

import pytest
from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning
from bs4.exceptions import ParserRejectedMarkup
from hypothesis import given, settings
from hypothesis import strategies as st

from sentiment.data.sources import load_reviews
from sentiment.errors import RecipeError
from sentiment.text.predecessor.review_to_words import review_to_words, stop_words
from sentiment.text.predecessor.stem import stem
from sentiment.text.tokenizers import TOKENIZERS, tokenizer
from sentiment.text.words import words, words_as_written

warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
FRAGMENTS = re.findall(
    r"\S+",
    """< <br/> <br> </br> <b> </b> <i <p/> <div> </div> <script> </script> <style> </style> <rt> </rt>
    <template> </template> <textarea> </textarea> <!-- --> <!DOCTYPE> <![CDATA[ ]]> <? ?> > & && &amp; &amp
    &#38; &#38 &#x41; &#X41 &# &#x ; &eacute &eacute; &foo; &#150; &#129; &#0; &#1234567890;
    </ / İ K good bad<br/>movie <br/> = " ' a B 9 é""",
)
NEAR_APOSTROPHES = re.findall(r"\S+", "its it's id ill a not own is that it be cannot did very .")
markup = st.one_of(
    st.text(max_size=60),
    st.lists(st.sampled_from([*FRAGMENTS, "<br />", " ", "\n"]), max_size=12).map("".join),
)


def reference_words(review: str) -> list[str]:
    """The predecessor's review_to_words, its stemmer and stop words made once and not for every word."""
    text = BeautifulSoup(review, "html.parser").get_text()
    found = re.sub(r"[^a-zA-Z0-9]", " ", text.lower()).split()
    return [_nltk_stem(word) for word in found if word not in stop_words()]


@functools.cache
def _stemmer():
    from nltk.stem.porter import PorterStemmer  # takes seconds to import

    return PorterStemmer()


@functools.cache
def _nltk_stem(word: str) -> str:
    return _stemmer().stem(word)


def plain_words(review: str) -> list[str]:
    """`words` as its definition reads: markup out, lower case, one regular expression."""

    def replaced(match: re.Match) -> str:
        return " " if match[0].startswith("<") else html.unescape(match[0])

    reference = "&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?"
    text = re.sub(f"</?[a-zA-Z][^<>]*>|{reference}", replaced, review)
    return re.findall(r"[0-9]+/[0-9]+|[a-z0-9]+(?:'[a-z]+)*|\.{2,}|[!?.]", text.lower())


@pytest.fixture(scope="module")
def corpus():
    return load_reviews("sample").texts


def test_review_to_words_of_a_review():
    review = "The acting wasn't GREAT,<br /><br />but I&#39;ve <i>loved</i> it: 10/10 stars &amp; smiles"
    assert review_to_words(review) == ["act", "great", "love", "10", "10", "star", "smile"]


def test_line_breaks_glue_words_as_beautifulsoup_does():
    assert review_to_words("really good<br />bad ending") == ["realli", "goodbad", "end"]


def test_stop_words_are_nltks():
    assert len(stop_words()) == 179
    assert {"not", "the", "wasn't"} <= stop_words() and "movie" not in stop_words()


@settings(max_examples=500, deadline=None)
@given(markup)
def test_review_to_words_reads_any_markup_as_the_reference(review):
    try:
        expected = reference_words(review)
    except (ParserRejectedMarkup, AssertionError):
        expected = None  # the reference gives up here; the lean path reads on
    found = review_to_words(review)
    assert expected is None or found == expected


def test_markup_that_html_parser_rejects_is_read_as_text():
    review = "fine <![x film"
    try:
        expected = reference_words(review)  # newer Pythons read a comment there
    except (ParserRejectedMarkup, AssertionError):
        expected = ["fine", "x", "film"]
    assert review_to_words(review) == expected


def odd(review: str) -> bool:
    """Whether there is more to read than ASCII with line breaks, which most reviews are."""
    return not review.isascii() or bool(re.search("[<&](?!br />)", review))


@pytest.mark.slow
def test_a_part_of_the_corpus_reads_as_the_reference(corpus):
    for review in corpus[::250] + [review for review in corpus if odd(review)][:150]:
        assert review_to_words(review) == reference_words(review)


@pytest.mark.slow
def test_every_odd_review_of_the_corpus_reads_as_the_reference_and_a_tenth_of_the_others(corpus):
    read = [n for n, review in enumerate(corpus) if n % 10 == 0 or odd(review)]
    assert [n for n in read if review_to_words(corpus[n]) != reference_words(corpus[n])] == []


@pytest.mark.slow
def test_every_word_of_the_corpus_stems_as_in_nltk(corpus):
    types = {word for review in corpus for word in re.findall("[a-z0-9]+", review.lower())}
    assert len(types) > 70_000
    assert [word for word in types if stem(word) != _nltk_stem(word)] == []


def test_words_keeps_what_carries_sentiment():
    review = "It's NOT good... 3/10!<br /><br />Don&#39;t see <i>this</i> &amp; run?"
    assert words(review) == ["it", "isn't", "good", "...", "3/10", "!", "don't", "see", "this", "run", "?"]


@pytest.mark.parametrize(
    ("written_out", "contracted"),
    [
        ("I did not like it.", "I didn't like it."),
        ("I did not like it.", "i didnt like it."),
        ("It cannot and can not be; it will not", "It can't and can't be; it won't"),
        ("DO NOT, or does <br />not", "don\u2019t, or doesn't"),
        ("Is not it? Not me, I am not, not did", "Isn't it? Not me, I'm not, not did"),
        ("It is not good. They have not seen what I would", "It's not good. They've not seen what I'd"),
        ("It is what you are, and I have, and there will", "It's what youre, and ive, and there'll"),
    ],
)
def test_a_contraction_reads_as_the_words_that_it_is_made_of(written_out, contracted):
    assert words(written_out) == words(contracted)
    for review in (written_out, contracted):
        assert tokenizer("words").locate(review).words == words(review)


def test_a_contraction_stands_where_its_words_stand():
    review = "It cannot be, I DID &nbsp; not! It\u2019s not"
    tokens = tokenizer("words").locate(review)
    placed = list(zip(tokens.words, tokens.surfaces, strict=True))
    assert placed[1] == ("can't", "cannot") and placed[4] == ("didn't", "DID &nbsp; not")
    assert placed[-2:] == [("it", "It\u2019s"), ("isn't", "not")]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (
            "Its a mess. ITS NOT fun, but its<br />been worse",
            "It's a mess. It's not fun, but it's been worse",
        ),
        ("I think its that is", "I think it's that is"),
        ("Id rather sleep. ill never see it", "I'd rather sleep. I'll never see it"),
        ("It has it\u2019s own charm", "It has its own charm"),
    ],
)
def test_the_next_word_shows_that_an_apostrophe_is_wrong(typed, meant):
    assert words(typed) == words(meant)
    assert tokenizer("words").locate(typed).words == words(meant)


@pytest.mark.parametrize(
    "review", ["its very best is its plot", "ill at ease", "the id is", "all it's", "its"]
)
def test_before_any_other_word_an_apostrophe_stays_as_it_is(review):
    assert words(review) == tokenizer("words").locate(review).words == review.split()


def test_a_word_whose_apostrophe_is_wrong_stands_where_it_was_typed():
    tokens = tokenizer("words").locate("Its NOT  bad on it\u2019s own")
    assert tokens.words == ["it", "isn't", "bad", "on", "its", "own"]
    assert tokens.surfaces == ["Its", "NOT", "bad", "on", "it\u2019s", "own"]


@given(st.lists(st.sampled_from(NEAR_APOSTROPHES), max_size=9))
def test_a_text_whose_apostrophes_are_wrong_reads_as_the_corrected_one(found):
    typed = " ".join(found)
    meant = re.sub(r"\bits(?= (?:a|not|that)\b)", "it's", re.sub(r"\bit's(?= own)", "its", typed))
    meant = re.sub(r"\bid(?= be\b)", "i'd", re.sub(r"\bill(?= be\b)", "i'll", meant))
    assert words(typed) == tokenizer("words").locate(typed).words == words(meant)
    assert tokenizer("words", 5)(meant) == words(meant)


def test_version_5_reads_apostrophes_as_they_are_typed():
    review = "Its a film, it cannot be its own, ill say id be, it is not it\u2019s own"
    found = tokenizer("words", 5)(review)
    assert " ".join(found) == "its a film it can't be its own ill say id be it isn't it's own"
    assert tokenizer("words", 5).locate(review).words == found


def test_earlier_versions_read_contractions_as_they_are_spelled():
    review = "It cannot be, I did not and didnt"
    for version in (2, 3, 4):
        earlier = tokenizer("words", version)
        assert earlier(review) == ["it", "cannot", "be", "i", "did", "not", "and", "didn't"]
        assert earlier.locate(review).words == earlier(review)


@settings(max_examples=800, deadline=None)
@given(st.one_of(markup, st.text("aB9'/.!? \u0130\u212aé\ud800<&;", max_size=30)))
def test_words_takes_the_short_way_to_the_same_words(review):
    assert words_as_written(review) == plain_words(review)


@pytest.mark.slow
def test_words_reads_the_whole_corpus_as_defined(corpus):
    assert [n for n, review in enumerate(corpus) if words_as_written(review) != plain_words(review)] == []


def test_only_two_characters_become_ascii_letters_in_lower_case():
    """What the short way rests on: it turns every other character outside ASCII into a blank."""
    found = [chr(n) for n in range(128, 0x110000) if re.search("[a-z]", chr(n).lower())]
    assert found == ["\u0130", "\u212a"]
    for character in found:
        assert words_as_written(f"a{character}b") == plain_words(f"a{character}b")
        assert review_to_words(f"xa{character}b") == reference_words(f"xa{character}b")


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=300, deadline=None)
@given(review=markup)
def test_places_come_with_the_same_words(name, review):
    tokens = tokenizer(name).locate(review)
    assert tokens.words == tokenizer(name)(review)
    places = list(zip(tokens.starts, tokens.ends, strict=True))
    assert places == sorted(places) and all(0 <= start < end <= len(review) for start, end in places)


@pytest.mark.parametrize("name", TOKENIZERS)
def test_places_in_the_corpus_are_where_the_words_stand(corpus, name):
    for review in corpus[::500]:
        tokens = tokenizer(name).locate(review)
        for surface, start, end in zip(tokens.surfaces, tokens.starts, tokens.ends, strict=True):
            if name == "words" or not {"<", "&"} & set(review[start:end]):
                assert review[start:end] == surface


def test_surface_words_are_as_written():
    tokens = tokenizer("review_to_words").locate("LOVED the <b>Caf&eacute;</b>, İstanbul and K9 were great")
    assert tokens.surfaces == ["LOVED", "Caf", "stanbul", "K9", "great"]


def test_unknown_tokenizer_names_the_known_ones():
    with pytest.raises(RecipeError, match="review_to_words, words"):
        tokenizer("wordpiece")


UNENDING = [
    "<",
    "</",
    "&",
    "&#",
    "x\n<",
    "<a ",
    "</a",
    "<rt>",
    "<b>x",
    "</b>",
    "<!--",
    "<?",
    "<!d ",
    "<a b='",
]


@pytest.mark.parametrize("unit", [*UNENDING, "<a \"b='"])
@pytest.mark.parametrize("repeats", [3, 300])
def test_hostile_markup_reads_as_the_reference(unit, repeats):
    for review in (unit * repeats, f"fine <b>film</b> {unit * repeats} good"):
        assert review_to_words(review) == reference_words(review)
        tokens = tokenizer("review_to_words").locate(review)
        assert tokens.words == reference_words(review)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*UNENDING, "good ", " bad", "<script>", "</script>", "\n"]), max_size=80))
def test_tags_that_never_end_read_as_the_reference(parts):
    review = "".join(parts)
    try:
        expected = reference_words(review)
    except (ParserRejectedMarkup, AssertionError):
        return  # the reference gives up here
    assert review_to_words(review) == expected


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("unit", [*UNENDING, "<a b='>", "<!-- >", "<x &amp; ", "not good ", "it is not "])
def test_time_grows_no_faster_than_length(unit, name):
    def seconds(length: int, times: int) -> float:
        """Of the processor's, the least of some runs: what else the machine does hardly shows."""
        review, runs = unit * (length // len(unit)), []
        for _ in range(3):
            started = time.process_time()
            for _ in range(times):
                tokenizer(name)(review)
                tokenizer(name).locate(review)
            runs.append(time.process_time() - started)
        return min(runs)

    # Time that grows with the square of the length would make that eight times as long.
    assert seconds(12_000, 1) < 4 * seconds(1_500, 8)
