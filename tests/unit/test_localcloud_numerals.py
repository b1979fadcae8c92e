"""Numbers in texts, as AWS's services read them."""

import math

import pytest

from localcloud.numerals import number_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7.0),
        ("-7.", -7.0),
        ("+.5", 0.5),
        ("1.5e3", 1500.0),
        ("1e999", math.inf),
        *(
            (text, None)
            for text in ("", ".", "1_0", " 1", "1e", "e1", "--1", "1.2.3", "inf", "nan", "\u0661")
        ),
        ("1" * 300_000 + "x", None),
        ("1" * 300_000 + ".", math.inf),
    ],
    ids=lambda value: f"{value!s:.10}",
)
def test_a_text_is_a_number_or_not(text: str, number: float | None) -> None:
    assert number_of(text) == number
