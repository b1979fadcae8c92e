"""Keeps a web server on the registry's champion: notices a new one, fetches it, and swaps it in.

Every process of the server has such a thread, and all of them share one cache of models. The process that
holds the cache's lock asks the registry and downloads; each follows what the cache holds. Whatever fails, the
model that is served stays.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

from sentiment_api.errors import Broken, NoModel, NotReady, Waking

from selfhost.cache import Cached, ModelCache
from selfhost.logs import fields, logger
from selfhost.model import ABSENCES, ServedModel
from sentiment.errors import ArtifactError
from tracking.champion import Champion, RegistryError, Source

FOLLOW_SECONDS = 0.5
# Between two questions: while the registry is away, and while the champion's files are broken.
MAX_PAUSE_SECONDS = 60.0
# From a tenth of a second to beyond that.
MAX_DOUBLINGS = 10
JITTER = 0.2
# A registry that does not answer may still be starting; after so many questions it is out of order.
QUESTIONS_TO_START = 3
# Loads whatever a first prediction loads, before a person waits for it.
WARM_UP = "A film to warm up with."

log = logger()


class Watch:
    """Follows the champion of `open_source()` through `cache` and hands it to `model`.

    Where the registry names none any more, the model that is served stays, unless it is `optional`.
    """

    def __init__(
        self,
        model: ServedModel,
        cache: ModelCache,
        open_source: Callable[[], Source],
        poll_seconds: float,
        optional: bool = False,
    ):
        self._model, self._cache, self._open_source = model, cache, open_source
        self._poll_seconds, self._optional = poll_seconds, optional
        self._source: Source | None = None
        self._following = threading.Lock()
        self._served: Cached | None = None
        self._broken: Cached | None = None
        self._failures = 0
        self._trouble: str | None = None
        self._absence: type[NotReady] = Waking
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="champion-watch", daemon=True)
        model.look, model.absence = self.follow, self.absence

    @property
    def served(self) -> Champion | None:
        """The version of the registry that is served."""
        return None if self._served is None else self._served.champion

    def start(self) -> None:
        """Serve what the cache holds, then watch in the background."""
        self.follow()
        self._thread.start()

    def stop(self, timeout: float = 30) -> None:
        """End the thread and let another process fetch."""
        self._stopped.set()
        self._thread.join(timeout)
        self._cache.release()

    def _run(self) -> None:
        ask_at = time.monotonic()
        while not self._stopped.is_set():
            if self._may_fetch() and time.monotonic() >= ask_at:
                ask_at = self.ask() + time.monotonic()
            self.follow()
            self._stopped.wait(min(FOLLOW_SECONDS, self._poll_seconds))

    def _may_fetch(self) -> bool:
        """Whether this process asks the registry. A cache that cannot be written does not end the watch."""
        try:
            had_lock = self._cache.holds_lock
            has_lock = self._cache.lock()
        except OSError as error:
            self._tell(str(error), Broken)
            return False
        if had_lock != has_lock:  # what an earlier process noted may no longer hold
            self._note(Waking)
        return has_lock

    def absence(self) -> type[NotReady]:
        """Return why there is no model, as this process or the one that fetches has found."""
        if self._broken is not None and self._broken == self._cache.current():
            return Broken
        if self._cache.holds_lock:
            return self._absence
        noted = self._cache.absence()
        return next((kind for kind in ABSENCES if kind.code == noted), self._absence)

    def follow(self) -> None:
        """Serve what the cache holds, if that is not served already. Any thread may call it, and waits."""
        with self._following:
            self._follow(self._cache.current())

    def _follow(self, cached: Cached | None) -> None:
        if cached is None and self._optional and self._served is not None:
            log.info("serving a model no longer", **fields(champion=str(self._served.champion)))
            self._served = None
            self._model.serve(None)
        if cached is None or cached in (self._served, self._broken):
            return
        if cached.model != self._model.version:
            try:
                predictor = cached.predictor()
                predictor.explain([WARM_UP])
            except (ArtifactError, OSError) as error:
                self._broken = cached
                log.error(
                    "a model in the cache is broken", **fields(champion=str(cached.champion), why=str(error))
                )
                return
            self._model.serve(predictor)
        self._served = cached
        log.info("serving a model", **fields(champion=str(cached.champion), model=cached.model))

    def ask(self) -> float:
        """Ask the registry once and fetch a new champion; return the seconds to wait before the next time."""
        try:
            if self._source is None:
                self._source = self._open_source()
            self._update(self._source)
        except RegistryError as error:
            self._failures += 1
            self._tell(str(error), Waking if self._failures < QUESTIONS_TO_START else Broken)
        except (ArtifactError, OSError) as error:
            self._failures += 1
            self._tell(str(error), Broken)
        except Exception:
            self._failures += 1
            self._note(Broken)
            log.exception("watching the registry failed")
        else:
            self._failures = 0
        longest = max(self._poll_seconds, MAX_PAUSE_SECONDS)
        # Of a power alone: after a day of failures it would be too large for a float.
        pause = min(self._poll_seconds * 2.0 ** min(self._failures, MAX_DOUBLINGS), longest)
        return pause * random.uniform(1 - JITTER, 1 + JITTER)

    def _update(self, source: Source) -> None:
        champion = source.champion()
        current = self._cache.current()
        if current is not None and current == self._broken:
            self._cache.forget()
            current = None
        if champion is None and self._optional:
            self._cache.forget()
            self._tell(None, NoModel)
        elif champion is None:
            self._tell("the registry names no champion", NoModel)
        elif current is None or current.champion != champion:
            log.info("fetching a model", **fields(champion=str(champion)))
            self._note(Waking)
            with self._cache.aside() as folder:
                self._cache.keep(champion, source.fetch(champion, folder))
            self._tell(None)
        else:
            self._tell(None)

    def _note(self, absence: type[NotReady]) -> None:
        """Record for every process why there is no model, for the requests that find none."""
        self._absence = absence
        try:
            if self._cache.absence() != absence.code:
                self._cache.note_absence(absence.code)
        except OSError:  # what cannot be written here cannot be fetched either
            self._absence = Broken

    def _tell(self, trouble: str | None, absence: type[NotReady] = Waking) -> None:
        """Record what keeps us from the champion; log it when it begins, changes and ends."""
        self._note(absence)
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the registry answers")
        else:
            log.warning("no news from the registry", **fields(why=trouble, serving=self._model.version))
