"""Negated verbs in their two spellings: "didn't" and "did not"."""

import re

_NEGATED_VERBS = (
    *("ain", "aren", "can", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "mightn"),
    *("mustn", "needn", "shouldn", "wasn", "weren", "won", "wouldn"),
)
NEGATED = tuple(f"{verb}'t" for verb in _NEGATED_VERBS)
_VERBS = {"can't": "can", "won't": "will", "ain't": "is"}
_WRITTEN_OUT = {contraction: f"{_VERBS.get(contraction, contraction[:-3])} not" for contraction in NEGATED}
_CONTRACTED = {written_out: contraction for contraction, written_out in _WRITTEN_OUT.items()}
_CONTRACTED["cannot"] = "can't"
_OTHER = _WRITTEN_OUT | _CONTRACTED
_EITHER = re.compile(rf"\b(?:{'|'.join(_OTHER)})\b".replace("'", "['’]"), re.IGNORECASE)


def respell_negations(text: str) -> str:
    """Replace each "did not" by "didn't" and vice versa, for all verbs that contract."""
    return _EITHER.sub(_respelled, text)


def _respelled(found: re.Match[str]) -> str:
    written = found.group()
    other = _OTHER[written.lower().replace("’", "'")]
    return other.capitalize() if written[0].isupper() else other
