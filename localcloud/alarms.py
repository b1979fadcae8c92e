"""The states of CloudWatch's alarms, which nothing evaluates here."""

import functools
from typing import Any

STATE = ("history", "state_reason", "state_reason_data", "state_updated_timestamp", "state_value")


def keep_states() -> None:
    """Lets moto's new alarms lack data, as on AWS, instead of being OK, and changed ones keep their states.

    The change is to moto itself.
    """
    from moto.cloudwatch.models import CloudWatchBackend

    put_metric_alarm: Any = CloudWatchBackend.put_metric_alarm

    @functools.wraps(put_metric_alarm)
    def put(backend: Any, name: str, *arguments: Any, **members: Any) -> Any:
        former = backend.alarms.get(name)
        alarm = put_metric_alarm(backend, name, *arguments, **members)
        alarm.state_value = "INSUFFICIENT_DATA"
        if former:
            vars(alarm).update({key: getattr(former, key) for key in STATE})
        return alarm

    setattr(CloudWatchBackend, "put_metric_alarm", put)  # noqa: B010 - mypy takes no assignment to a method
