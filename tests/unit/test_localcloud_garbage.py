"""localcloud's search for garbage passes over what has been loaded, and still finds garbage."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from localcloud import garbage


@pytest.fixture(autouse=True)
def only_here() -> Iterator[None]:
    callbacks = list(gc.callbacks)
    garbage.keep_searches_short()
    yield
    gc.callbacks[:] = callbacks
    gc.unfreeze()


def test_much_that_a_search_leaves_is_passed_over_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "MANY_OBJECTS", 10_000)
    gc.collect()
    before = gc.get_freeze_count()
    loaded: list[list[int]] = [[] for _ in range(20_000)]
    gc.collect()
    assert gc.get_freeze_count() >= before + len(loaded)
    assert not any(each is loaded for each in gc.get_objects())


def test_little_is_searched_again() -> None:
    gc.collect()
    little: list[list[int]] = [[]]
    gc.collect()
    assert any(each is little for each in gc.get_objects())


def test_garbage_is_still_found() -> None:
    class Knot:
        def __init__(self) -> None:
            self.itself = self

    knot = weakref.ref(Knot())
    gc.collect()
    assert knot() is None
