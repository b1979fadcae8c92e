"""How many events run at once: within a function's reserved concurrency, or within what the account has."""

import threading
from collections import Counter

UNRESERVED_CONCURRENCY = 10
"""The account's quota, that of a new AWS account. More would not run well on one machine."""
SLOT_SECONDS = 0.05
"""How long an invocation waits for a free slot. AWS refuses at once, but has many machines. Here, invocations
share the processors with the refusals, and a slot is soon free.
"""


class Slots:
    """Slots for events to run in: a function with reserved concurrency has its own, the others share some."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._freed: dict[str, threading.Condition] = {}

    def take(self, owner: str, limit: int) -> bool:
        """Takes one of `limit` slots of a function, or of the account (""); False if none gets free."""
        with self._lock:
            freed = self._freed.setdefault(owner, threading.Condition(self._lock))
            # A fifth as many may wait as run: of more, most would be refused later, and all take longer.
            seconds = SLOT_SECONDS if self._waiting[owner] < (limit + 4) // 5 else 0
            self._waiting[owner] += 1
            has_slot = freed.wait_for(lambda: self._busy[owner] < limit, seconds)
            self._waiting[owner] -= 1
            self._busy[owner] += has_slot
        return has_slot

    def free(self, owner: str) -> None:
        """Gives a slot back that `take` has given."""
        with self._lock:
            self._busy[owner] -= 1
            self._freed[owner].notify()
