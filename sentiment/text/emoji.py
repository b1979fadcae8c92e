"""Emoji as words, so that a model reads those that carry sentiment.

Only those whose sentiment is plain are here. All others stand for no word: tears may be of joy or of sorrow.
The words are the emoji's own, since a negation does not reach an emoji as it does a word: counterfactuals.txt
teaches them. Words 2 read them as the words that people would write instead.
"""

_SYMBOLS = {
    "loved": "😍🥰😘💕💖💗💘💝💞💓❤♥♡🧡💛💚💙💜🤎💟😻🫶",
    "excellent": "👏🏆🥇🌟💯🔥🙌🤩👌💎🎉🥳",
    "good": "👍✅💪",
    "terrible": "😡😠🤬💩🤮🤢👿🤦🙄😾",
    "bad": "👎❌💔🚫",
    "boring": "😴🥱💤😪",
}
_SMILES = {
    "smiley": "😀😃😄😁😆😊🙂😎😇🤗☺😋😺😸🤠😌",
    "frowny": "☹🙁😞😔😟😕😣😖😫😩😦😧😒😿🫤",
}
"""The words that emoticons stand for as well (normalisation.py)."""
WRITTEN_OUT = {f"emoji{word}": word for word in _SYMBOLS}
"""For each word of emoji that is one of no other text, that which people would write."""
EMOJI_WORDS = {symbol: f"emoji{word}" for word, symbols in _SYMBOLS.items() for symbol in symbols} | {
    symbol: word for word, symbols in _SMILES.items() for symbol in symbols
}
"""A word for each emoji."""
