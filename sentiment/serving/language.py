"""Tell English from other languages, by the words and by the script.

A text is not English if most of its letters are of another script; if it has as many words of other languages
as function words of English, where an unknown word with an accent counts as one of other languages; or if too
few of its words are function words, common words or known words.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from itertools import pairwise

from sentiment.text.normalisation import is_latin, normalise

MIN_WORDS = 3
"""Texts with fewer words may be names or exclamations, so that their words need not be common or known."""
FUNCTION_WORDS, COMMON_WORDS, KNOWN_WORDS = 300, 2000, 20_000
"""Ids below these belong to the most frequent words of the training texts."""
MIN_FUNCTION_SHARE, MIN_COMMON_SHARE, MIN_KNOWN_SHARE = 0.25, 0.5, 0.75
FOREIGN_WORDS = frozenset(
    word
    for of_language in (
        # German
        "aber absolut auch auf aus bei das dass der dieser dieses ein eine einen einer einfach ganz "
        "grossartig guten guter habe ich ist kein keine langweilig mit nicht nur oder schauspieler "
        "schlecht schlechter schon schoner sehenswert sehr sie sind tolle toller und wie wird wunderbar "
        "wunderbarer zum zur",
        # French
        "avec bon bonne c'est c'etait ce cette d'un d'une des elle ennuyeux est et etait ete francais ils "
        "j'adore j'ai j'aime je l'histoire le les leur mais mauvais n'ai n'est navet nous nul nulle pas "
        "qu'il quel quelle qui sont tres trop un une voir vous",
        # Spanish
        "aburrida aburrido actores bastante buena bueno con el encanta entretenida es este excelente fue "
        "gusta la las los mala malo maravillosa maravilloso muy nada peli pelicula peor pero que una",
        # Italian
        "attori bella bellissima bellissimo bello brutto capolavoro che delle di gli molto noiosa noioso "
        "non pessimo piaciuta piaciuto piu questo recitazione schifo sono stupendo vedere",
        # Portuguese
        "adorei bom chato com eu filme filmes foi gostei horrivel isso maravilhoso muita muito nao nem os "
        "otima otimo pior recomendo ruim um uma",
        # Dutch
        "deze een erg geen geweldig geweldige goed goede heel het mooi mooie niet ook prachtig prachtige "
        "saai slecht slechte verhaal vervelend vond zeer zijn",
        # Swedish, Danish and Norwegian
        "bra dalig daliga darlig det elskede elsket fantastisk filmen gillade gode ikke inte jag jeg "
        "kedelig kjedelig meget mycket och og riktigt trakig underbar var veldig",
        # Finnish and Hungarian
        "az egy elokuva elokuvan erittain filmet hogy huono hyva nagyon nem oli pidin rossz szep tetszett "
        "todella tylsa unalmas volt",
        # Polish, Czech, Slovak, Croatian and Serbian
        "bardzo byl byla bylo ciekawy dobar dobra dobry dosadan filmu hrozny jako jest jsem neni nie nije "
        "nudny odlican podobal polecam skvely swietny velice velmi vrlo vyborny zly",
        # Romanian and Turkish
        "begendim begenmedim bir bu bun buna cok degil filmi filmul foarte fost guzel harika harikaydi hic "
        "iyi kotu minunat mukemmel pentru placut plictisitor sikici sunt",
        # Indonesian, Filipino and Vietnamese
        "adalah ang banget filem filmnya ganda ini itu jelek maganda membosankan menarik ng palabas pangit "
        "pelikula phim sangat saya sekali suka tidak yang",
        # Hindi, as it is typed in Latin letters
        "accha achha achhi bahut bakwas bekar bohot hai hain nahi yaar yeh",
    )
    for word in of_language.split()
)
"""Function words of other languages, and words that people praise and blame films with, in the form that the
tokenizer gives them, without accents. Hardly any is English, or a typing error of an English word."""
FILM = "film"
SHARED_WORDS = frozenset({FILM, "a", "de", "die", "e", "in", "is", "me", "no", "o", "so", "was"})
"""Words of many languages, and so no evidence of English."""
_LETTERS = re.compile(r"[^\W\d_]+")
_ACCENTED = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]")
"""Latin letters with accents, strokes and the like."""


class EnglishWords:
    """Tells English texts by their words, by the vocabulary `word_dict` of English training texts."""

    def __init__(self, word_dict: Mapping[str, int]):
        self._word_dict = word_dict
        self._function_words = frozenset(
            word for word, number in word_dict.items() if number < FUNCTION_WORDS and word[0].isalpha()
        )

    def are_missing(self, text: str, words: Sequence[str]) -> bool:
        """Whether the `words` of a text are not English."""
        foreign = FOREIGN_WORDS.intersection(words) | self._accented(text).intersection(words)
        if foreign and self._are_outnumbered(words, foreign):
            return True
        # Most texts are English by any count, and this one is faster.
        if sum(map(self._function_words.__contains__, words)) >= MIN_FUNCTION_SHARE * len(words):
            return False
        words = [word for word in words if word[0].isalpha()]
        if len(words) < MIN_WORDS:
            return False
        ids = [self._word_dict.get(word, KNOWN_WORDS) for word in words]
        shares = (
            (FUNCTION_WORDS, MIN_FUNCTION_SHARE),
            (COMMON_WORDS, MIN_COMMON_SHARE),
            (KNOWN_WORDS, MIN_KNOWN_SHARE),
        )
        return all(sum(number < limit for number in ids) < share * len(ids) for limit, share in shares)

    def _accented(self, text: str) -> set[str]:
        """The words with accents that are not known, in the form that the tokenizer gives them.

        In text decoded with the wrong charset, such as "donâ€™t", there are some that it does not give.
        """
        if text.isascii() or not _ACCENTED.search(text):
            return set()
        accented = {letters for letters in _LETTERS.findall(text) if _ACCENTED.search(letters)}
        return {word for letters in accented if not self._is_known(word := normalise(letters).lower())}

    def _are_outnumbered(self, words: Sequence[str], foreign: Set[str]) -> bool:
        """Whether a text has as many words of other languages as function words of English.

        At least two, for one may be from a title, unless it stands before "film", or no other word is known.
        """
        words = [word for word in words if word[0].isalpha()]
        others = set(words) - foreign - {FILM}
        if len(foreign) < len(others & self._function_words):
            return False
        if len(foreign) > 1 or any(first in foreign and second == FILM for first, second in pairwise(words)):
            return True
        return not any(map(self._is_known, others - SHARED_WORDS))

    def _is_known(self, word: str) -> bool:
        return self._word_dict.get(word, KNOWN_WORDS) < KNOWN_WORDS


def is_of_other_script(text: str) -> bool:
    """Whether fewer than half of the letters are Latin."""
    if text.isascii():
        return False
    # Imported only here, as in normalisation.py, because most texts are ASCII.
    from sentiment.text.misread import LOOKALIKE, WORD_LIKE_LATIN, as_latin

    if LOOKALIKE.search(text):
        text = WORD_LIKE_LATIN.sub(as_latin, text)
    letters = latin = 0
    # Each character by itself: sorting long runs of accents is slow.
    for character, count in Counter(text).items():
        found = [part for part in unicodedata.normalize("NFKD", character) if part.isalpha()]
        letters += count * len(found)
        latin += count * sum(map(is_latin, found))
    return 2 * latin < letters
