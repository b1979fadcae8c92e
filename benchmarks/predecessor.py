"""The predecessor as the course wrote it, for comparison: preprocessing and model, one review at a time.

Its preprocessing makes a stemmer for every word and asks nltk for the stop words for every word, which reads
the list from disk each time. Its LSTM runs over all 500 places of a padded review. The weights here are not
trained: how long an answer takes does not depend on them.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import nn

from sentiment.text.predecessor.review_to_words import STOP_WORDS_FILE as STOP_WORDS
from sentiment.text.vocabulary import build_dict, convert_and_pad
from sentiment.training.recipes import RECIPES

PADDED = 500


def review_to_words(review: str) -> list[str]:
    """The stems of a review's words, by BeautifulSoup and nltk."""
    from bs4 import BeautifulSoup
    from nltk.stem.porter import PorterStemmer

    stop_words = _stop_words()
    text = BeautifulSoup(review, "html.parser").get_text()
    words = re.sub(r"[^a-zA-Z0-9]", " ", text.lower()).split()
    words = [word for word in words if word not in stop_words.words(ignore_lines_startswith="#")]
    return [PorterStemmer().stem(word) for word in words]


@lru_cache(maxsize=1)
def _stop_words() -> Any:
    """nltk's reader of the list, as nltk.corpus.stopwords is one; it keeps nothing of what it reads."""
    import nltk.data
    from nltk.corpus.reader import WordListCorpusReader

    nltk.data.path.append(str(STOP_WORDS.parent))  # nltk reads its own data folders only
    return WordListCorpusReader(str(STOP_WORDS.parent), [STOP_WORDS.name], encoding="utf8")


class PaddedLSTM(nn.Module):
    """Its LSTMClassifier: rows (N, 1 + 500) of a length and padded ids in, probabilities (N,) out."""

    def __init__(self) -> None:
        super().__init__()
        recipe = RECIPES["predecessor"]
        self.embedding = nn.Embedding(recipe.vocab_size, recipe.embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(recipe.embedding_dim, recipe.hidden_dim)
        self.dense = nn.Linear(recipe.hidden_dim, 1)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        by_time = rows.t()
        lengths, ids = by_time[0], by_time[1:]
        output = self.lstm(self.embedding(ids))[0]
        last = output[lengths - 1, torch.arange(rows.shape[0])]
        return torch.sigmoid(self.dense(last).squeeze(1))


class Predecessor:
    """Answers reviews as its endpoint did, with its own tokenizer or another that gives the same words."""

    def __init__(self, tokenize: Callable[[str], list[str]], vocabulary_of: Sequence[list[str]]):
        self._tokenize = tokenize
        self._word_dict = build_dict(vocabulary_of, RECIPES["predecessor"].vocab_size)
        self._model = PaddedLSTM().eval()

    @torch.no_grad()
    def probabilities(self, reviews: Sequence[str]) -> list[float]:
        rows = []
        for review in reviews:
            ids, length = convert_and_pad(self._word_dict, self._tokenize(review), PADDED)
            rows.append([max(length, 1), *ids])
        probabilities: list[float] = self._model(torch.tensor(rows)).tolist()
        return probabilities
