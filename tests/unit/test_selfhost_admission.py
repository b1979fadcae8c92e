"""What the processes of the web server know of one another, and how they share their places."""

from __future__ import annotations

import math
import runpy
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from project.paths import PROJECT
from selfhost.admission import MAX_RETRY_SECONDS, Admission
from selfhost.scoreboard import MAX_PROCESSES, SILENT_SECONDS, Scoreboard

from sentiment_api.errors import Overloaded  # isort: skip - selfhost puts it on the path


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(clock) -> Callable[..., Scoreboard]:
    """What enters a process with a number and some connections into a scoreboard that all share."""
    memory = Scoreboard().memory

    def start(number: int, connections: float = 0) -> Scoreboard:
        scoreboard = Scoreboard(memory, clock)
        scoreboard.enter(number)
        scoreboard.report(connections)
        return scoreboard

    return start


def taken(scoreboard: Scoreboard, share: int = 2) -> int:
    """How many places a process gets until it is refused one."""
    return next(number for number in range(100) if not scoreboard.take_place(share))


def test_a_process_uses_the_places_that_others_do_not_need(process):
    one, other = process(0), process(MAX_PROCESSES - 1)
    assert one.take_place(2)
    assert taken(other) == 3
    other.leave_place()
    assert taken(other) == 1


def test_a_process_always_has_its_share_and_then_the_other_gives_back_what_it_borrowed(process):
    one, other = process(0), process(1)
    assert taken(one) == 4
    assert taken(other) == 2
    for _ in range(2):
        one.leave_place()
        assert taken(one) == 0
    one.leave_place()
    assert taken(one) == 1


def test_each_process_that_comes_or_goes_brings_or_takes_its_share(process, clock):
    """As gunicorn's signals TTIN and TTOU make it, and while one that was killed is replaced."""
    one = process(0)
    assert taken(one) == 2
    other = process(1)
    assert taken(one) == 2
    clock.now += SILENT_SECONDS
    one.leave_place()
    assert taken(one) == 0
    other.report(0)
    assert taken(one) == 1


def test_a_process_that_is_silent_has_no_places_until_it_is_heard_of_again(process, clock):
    one, other = process(0), process(1)
    assert taken(other) == 4
    clock.now += SILENT_SECONDS
    assert taken(one) == 2
    other.report(0)
    one.leave_place()
    assert taken(one) == 1, "its share"


def test_a_process_that_takes_the_number_of_a_killed_one_has_none_of_its_places(process):
    one, killed = process(0), process(1)
    assert taken(killed) == 4
    process(1)
    assert taken(one) == 4


@pytest.mark.parametrize(
    ("own", "other", "too_many"),
    [(0, 0, False), (1, 0, True), (4, 3, True), (4, 4, False), (10, 8, False), (11, 8, True)],
)
def test_a_process_has_too_many_connections_if_another_has_notably_fewer(process, own, other, too_many):
    one = process(0, own)
    process(1, other)
    assert one.has_too_many_connections() is too_many


def test_processes_that_accept_nothing_or_are_silent_do_not_count(process, clock):
    one = process(0, 5)
    process(1, math.inf)
    assert not one.has_too_many_connections()
    process(2, 0)
    assert one.has_too_many_connections()
    clock.now += SILENT_SECONDS
    assert not one.has_too_many_connections()


def test_a_process_that_is_replaced_awaits_the_first_of_the_new_ones(process, clock):
    one, other = process(0), process(1)
    assert not one.awaits_successor()
    one.replace_all()
    assert one.awaits_successor() and other.awaits_successor()
    new = process(2)
    assert not new.awaits_successor()
    assert not one.awaits_successor() and not other.awaits_successor()
    clock.now += SILENT_SECONDS
    assert one.awaits_successor(), "the new one has ended"


def test_a_process_that_still_starts_is_no_successor(process):
    one = process(0)
    one.replace_all()
    Scoreboard(one.memory).enter(1)
    assert one.awaits_successor()


def test_each_new_worker_of_gunicorn_gets_the_first_number_that_is_free():
    settings = runpy.run_path(str(PROJECT / "selfhost" / "gunicorn.conf.py"))
    arbiter = SimpleNamespace(WORKERS={})

    def forked(pid: int) -> int:
        worker = SimpleNamespace()
        settings["pre_fork"](arbiter, worker)
        arbiter.WORKERS[pid] = worker
        return worker.number

    assert [forked(pid) for pid in (11, 12, 13)] == [0, 1, 2]
    del arbiter.WORKERS[12]
    assert forked(14) == 1


def test_a_worker_of_gunicorn_that_has_ended_does_not_count_any_more(process, monkeypatch):
    """However it ended: the others need not wait until it has been silent for long."""
    arbiter, one, ended = process(0), process(1, 5), process(2)
    monkeypatch.setattr("selfhost.scoreboard.SCOREBOARD", arbiter)
    settings = runpy.run_path(str(PROJECT / "selfhost" / "gunicorn.conf.py"))
    arbiter.report(math.inf)
    assert taken(ended) == 6
    assert one.has_too_many_connections()
    settings["child_exit"](None, SimpleNamespace(number=2))
    assert not one.has_too_many_connections()
    assert taken(one) == 4


def test_who_finds_no_place_is_told_to_come_back_at_different_times():
    admission = Admission(Scoreboard(), places=1)
    told = set()
    with admission.turn():
        for _ in range(100):
            with pytest.raises(Overloaded) as refused, admission.turn():
                pass
            told.add(refused.value.retry_after)
    assert told == set(range(1, MAX_RETRY_SECONDS + 1))
    with admission.turn():
        pass  # the place was left
