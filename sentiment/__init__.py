"""Sentiment of movie reviews: read them, turn them into word ids, train an LSTM, answer.

The package imports nothing on its own: training and serving containers hold torch and numpy, and nothing else
of what preparing the data needs.
"""

__version__ = "0.1.0"
