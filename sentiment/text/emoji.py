"""Emoji as the words that people would write instead, so that a model that has never met them knows them.

Only those whose sentiment is plain are here. All others stand for no word: tears may be of joy or of sorrow.
"""

_SYMBOLS = {
    "loved": "😍🥰😘💕💖💗💘💝💞💓❤♥♡🧡💛💚💙💜🤎💟😻🫶",
    "excellent": "👏🏆🥇🌟💯🔥🙌🤩👌💎🎉🥳",
    "good": "👍✅💪",
    "smiley": "😀😃😄😁😆😊🙂😎😇🤗☺😋😺😸🤠😌",
    "frowny": "☹🙁😞😔😟😕😣😖😫😩😦😧😒😿🫤",
    "terrible": "😡😠🤬💩🤮🤢👿🤦🙄😾",
    "bad": "👎❌💔🚫",
    "boring": "😴🥱💤😪",
}
EMOJI_WORDS = {symbol: word for word, symbols in _SYMBOLS.items() for symbol in symbols}
"""A word for each emoji. "smiley" and "frowny" are those of emoticons as well (normalisation.py)."""
