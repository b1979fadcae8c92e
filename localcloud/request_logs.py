"""Log events of what answers requests: functions, APIs and model servers.

CloudWatch keeps them until a retention time is over. Here they lie in memory, so the newest have to do.
"""

from typing import Any

from localcloud.cloud import Cloud

MAX_EVENTS = 10_000
"""So many events of a log group are kept at least."""
DROPPED_AT_ONCE = 1000


def keep_newest(cloud: Cloud, group: str, region: str | None = None) -> None:
    """Drops the oldest events of a log group where it has too many."""
    from moto.logs.models import logs_backends

    found = logs_backends[cloud.account_id][region or cloud.region].groups.get(group)
    streams: list[Any] = list(found.streams.values()) if found else []
    surplus = sum(len(stream.events) for stream in streams) - MAX_EVENTS
    while surplus >= DROPPED_AT_ONCE:
        oldest = min(filter(_has_events, streams), key=_time_of_first)
        surplus -= len(oldest.events[:DROPPED_AT_ONCE])
        del oldest.events[:DROPPED_AT_ONCE]


def _has_events(stream: Any) -> bool:
    return bool(stream.events)


def _time_of_first(stream: Any) -> int:
    return stream.events[0].timestamp
