"""Sentiment analysis of movie reviews: read them, turn them into word ids, train an LSTM, answer.

Importing the package imports none of its modules: training and serving containers have torch and numpy, but
not everything that preparing the data needs.
"""

__version__ = "0.1.0"
