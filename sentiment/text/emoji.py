"""Translate emoji that carry sentiment into words.

Only emoji with a clear sentiment are included: tears, for example, may be of joy or of sorrow. The words
("emojiloved") occur in no other text, because a negation affects a word but not an emoji; models learn them
from data/counterfactuals.txt. Version 2 of the tokenizer `words` used ordinary words ("loved") instead.
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
"""These words stand for emoticons such as :-) as well (normalisation.py)."""
WRITTEN_OUT = {f"emoji{word}": word for word in _SYMBOLS}
"""The ordinary word for each word that stands for emoji only."""
EMOJI_WORDS = {symbol: f"emoji{word}" for word, symbols in _SYMBOLS.items() for symbol in symbols} | {
    symbol: word for word, symbols in _SMILES.items() for symbol in symbols
}
"""The word for each emoji."""
