"""The side of a Lambda sandbox that its runtime talks to."""

import http.client

from localcloud.functions.runtime_api import PREFIX, Invocation, Kind, RuntimeApi
from tests.contract.selfhost_fixtures import wait_until

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


def test_a_runtime_that_died_before_it_asked_for_its_next_event_is_lost():
    api = RuntimeApi()
    try:
        answer(api).close()
        wait_until(api.lost_its_runtime, 30)
    finally:
        api.close()


def test_a_runtime_that_is_about_to_ask_for_its_next_event_is_not():
    api = RuntimeApi()
    try:
        connection = answer(api)
        assert not api.lost_its_runtime()
        connection.request("GET", f"{PREFIX}invocation/next")
        assert not api.lost_its_runtime()
        api.submit(EVENT)
        assert connection.getresponse().read() == EVENT.payload
    finally:
        api.close()


def test_a_runtime_reports_once_that_it_is_ready():
    api = RuntimeApi()
    try:
        connection = answer(api)
        api.submit(EVENT)
        connection.request("GET", f"{PREFIX}invocation/next")
        connection.getresponse().read()
        assert [api.reports.get(timeout=30).kind for _ in range(2)] == [Kind.READY, Kind.RESPONSE]
        assert api.reports.empty()
    finally:
        api.close()
