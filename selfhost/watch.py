"""Keep a web server on the registry's champion: notice a new one, fetch it, and swap it in.

Every process of the server has such a thread, and all of them share a cache of models. The process with the
cache's lock asks the registry and downloads models; all processes serve the model in the cache. If anything
fails, the current model stays.
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
# The longest pause between requests to a registry that is unavailable, or whose champion is broken.
MAX_PAUSE_SECONDS = 60.0
# Enough to get from a tenth of a second beyond MAX_PAUSE_SECONDS.
MAX_DOUBLINGS = 10
JITTER = 0.2
# A registry that does not answer may still be starting; after this many failures it counts as broken.
QUESTIONS_TO_START = 3
# A first prediction, so that everything it loads is loaded before a request comes.
WARM_UP = "A film to warm up with."

log = logger()


class Watch:
    """Follows the champion of `open_source()` by way of `cache`, and gives it to `model`.

    If the registry has no champion any more, the current model stays, unless it is `optional`.
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
        """The registered version that is served; None if there is none."""
        return None if self._served is None else self._served.champion

    def start(self) -> None:
        """Serve the cached model, and start watching in the background."""
        self.follow()
        self._thread.start()

    def stop(self, timeout: float = 30) -> None:
        """Stop the thread and release the cache's lock; wait at most `timeout` seconds."""
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
        """Whether this process asks the registry. An unwritable cache is logged; the watch continues."""
        try:
            had_lock = self._cache.holds_lock
            has_lock = self._cache.lock()
        except OSError as error:
            self._report(str(error), Broken)
            return False
        if had_lock != has_lock:  # the reason that another process stored may be out of date
            self._note(Waking)
        return has_lock

    def absence(self) -> type[NotReady]:
        """Why there is no model, as found by this process or by the one that fetches."""
        if self._broken is not None and self._broken == self._cache.current():
            return Broken
        if self._cache.holds_lock:
            return self._absence
        noted = self._cache.absence()
        return next((kind for kind in ABSENCES if kind.code == noted), self._absence)

    def follow(self) -> None:
        """Serve the cached model, unless it is served already. Threads that call this wait for each other."""
        with self._following:
            self._follow(self._cache.current())

    def _follow(self, cached: Cached | None) -> None:
        if cached is None and self._optional and self._served is not None:
            log.info("stopped serving a model", **fields(champion=str(self._served.champion)))
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
        """Ask the registry, and fetch a new champion; return the seconds to wait before the next call."""
        try:
            if self._source is None:
                self._source = self._open_source()
            self._update(self._source)
        except RegistryError as error:
            self._failures += 1
            self._report(str(error), Waking if self._failures < QUESTIONS_TO_START else Broken)
        except (ArtifactError, OSError) as error:
            self._failures += 1
            self._report(str(error), Broken)
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
            self._report(None, NoModel)
        elif champion is None:
            self._report("the registry names no champion", NoModel)
        elif current is None or current.champion != champion:
            log.info("fetching a model", **fields(champion=str(champion)))
            self._note(Waking)
            with self._cache.temporary_folder() as folder:
                self._cache.keep(champion, source.fetch(champion, folder))
            self._report(None)
        else:
            self._report(None)

    def _note(self, absence: type[NotReady]) -> None:
        """Record why there is no model, for the requests of all processes."""
        self._absence = absence
        try:
            if self._cache.absence() != absence.code:
                self._cache.note_absence(absence.code)
        except OSError:  # if the cache cannot be written, no model can be fetched either
            self._absence = Broken

    def _report(self, trouble: str | None, absence: type[NotReady] = Waking) -> None:
        """Record an obstacle to getting the champion, and log when it begins, changes and ends."""
        self._note(absence)
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is None:
            log.info("the registry answers")
        else:
            log.warning(
                "cannot get the champion from the registry",
                **fields(why=trouble, serving=self._model.version),
            )
