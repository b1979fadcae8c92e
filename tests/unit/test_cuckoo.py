"""The table of the n-grams against a dictionary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentiment.model.cuckoo import CuckooTable

KEYS = st.integers(0, 2**55 - 1)


@given(st.dictionaries(KEYS, st.floats(width=32, allow_nan=False), max_size=60), st.lists(KEYS, max_size=30))
def test_it_behaves_like_a_dictionary(held, others):
    keys = sorted(held)
    table = CuckooTable(
        np.array(keys, dtype=np.int64), np.array([held[key] for key in keys], dtype=np.float32)
    )
    asked = [*held, *others, *held]
    known, slots = table.find(np.array(asked, dtype=np.int64))
    values = table.values[slots]
    assert known.tolist() == [place for place, key in enumerate(asked) if key in held]
    assert values.tolist() == [held[asked[place]] for place in known]
    assert values.dtype == np.float32


@pytest.mark.parametrize("step", [1, 1 << 18, 1 << 36, (1 << 36) + (1 << 18) + 1], ids=hex)
def test_keys_with_any_pattern_can_be_placed(step):
    keys = np.sort(np.arange(100_000, dtype=np.int64) * step % (1 << 55))
    table = CuckooTable(keys, np.arange(100_000))
    known, slots = table.find(np.concatenate([keys + 7 * step + 3, keys]))
    assert np.array_equal(table.values[slots[-100_000:]], np.arange(100_000))
    expected = np.isin(keys + 7 * step + 3, keys).sum()
    assert len(known) == expected + 100_000
    assert len(table._keys) <= 300_001, "it settles at the first size"


@pytest.mark.parametrize("kind", ["int32", "float64", ">i8"])
def test_keys_of_another_type_are_refused(kind):
    with pytest.raises(ValueError, match="int64"):
        CuckooTable(np.arange(4).astype(kind), np.zeros(4))


@pytest.mark.parametrize("keys", [[5, 5], [5, 6, 6, 6], [6, 5], [-1, 5]], ids=str)
def test_keys_that_no_table_can_hold_are_refused(keys):
    with pytest.raises(ValueError, match="strictly ascending"):
        CuckooTable(np.array(keys), np.zeros(len(keys)))
