"""The side of a Lambda sandbox that its runtime talks to."""

import http.client
import threading

from localcloud.functions import runtime_api
from localcloud.functions.runtime_api import PREFIX, Invocation, RuntimeApi

EVENT = Invocation("id", b"{}", "arn", "trace")


def poll(api: RuntimeApi) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection(api.address)
    connection.request("GET", f"{PREFIX}invocation/next")
    return connection


def answer(api: RuntimeApi) -> http.client.HTTPConnection:
    """Takes an event and answers it, without asking for the next."""
    api.submit(EVENT)
    connection = poll(api)
    connection.getresponse().read()
    connection.request("POST", f"{PREFIX}invocation/id/response", b"{}")
    connection.getresponse().read()
    return connection


def test_a_runtime_that_died_before_it_asked_for_its_next_event_is_lost(monkeypatch):
    monkeypatch.setattr(runtime_api, "POLL_SECONDS", 0.01)
    api = RuntimeApi()
    try:
        answer(api).close()
        assert api.lost_its_runtime()
    finally:
        api.close()


def test_a_runtime_that_asks_for_its_next_event_a_moment_later_is_not(monkeypatch):
    monkeypatch.setattr(runtime_api, "POLL_SECONDS", 30)
    api = RuntimeApi()
    try:
        answer(api)
        found: list[bool] = []
        looking = threading.Thread(target=lambda: found.append(api.lost_its_runtime()))
        looking.start()
        waiting = poll(api)
        looking.join(30)
        assert found == [False]
        waiting.close()
    finally:
        api.close()
