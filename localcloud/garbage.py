"""Keeps the interpreter's search for garbage short: while it lasts, no request is answered."""

import gc
from typing import Any

MANY_OBJECTS = 50_000
"""To search so many takes some 30 ms, and to search all that a deployment loads ten times as long."""


def keep_searches_short() -> None:
    """Exempts what there is from the search, and later whatever many objects a complete search leaves.

    Most of these are the models of APIs, which are loaded when they are first needed, hold no garbage, and
    stay. What else there is at that moment is exempt as well, even if it becomes garbage in a cycle later.
    That is little, because the next exemption needs as many new objects.

    The interpreters 3.14.0 to 3.14.4 search in small increments instead, and make a complete search only on
    request (https://docs.python.org/3/whatsnew/3.14.html, "Incremental garbage collection").
    """
    gc.freeze()
    if _exempt_survivors not in gc.callbacks:
        gc.callbacks.append(_exempt_survivors)


def _exempt_survivors(phase: str, search: dict[str, Any]) -> None:
    """The interpreter calls this before and after each search."""
    is_complete = phase == "stop" and search["generation"] == 2
    if is_complete and len(gc.get_objects(generation=2)) > MANY_OBJECTS:
        gc.freeze()
