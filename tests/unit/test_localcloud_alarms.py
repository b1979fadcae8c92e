"""What PutMetricAlarm refuses of members that are valid each by itself."""

from __future__ import annotations

import pytest

from localcloud.alarms import check_alarm
from localcloud.protocol import ApiError

ALARM = {
    "AlarmName": "a",
    "ComparisonOperator": "GreaterThanThreshold",
    "EvaluationPeriods": 3,
    "MetricName": "m",
    "Namespace": "n",
    "Period": 60,
    "Statistic": "Sum",
    "Threshold": 1.0,
}
STAT = {"Metric": {"MetricName": "m", "Namespace": "n"}, "Period": 60, "Stat": "Sum"}
METRICS = [{"Id": "m1", "MetricStat": STAT, "ReturnData": False}, {"Id": "e1", "Expression": "m1 / 2"}]
OF_MANY = {
    name: ALARM[name] for name in ("AlarmName", "ComparisonOperator", "EvaluationPeriods", "Threshold")
}


def changed(alarm: dict, **members) -> dict:
    return {name: value for name, value in (alarm | members).items() if value is not None}


@pytest.mark.parametrize(
    "alarm",
    [
        ALARM,
        changed(ALARM, Period=10, DatapointsToAlarm=3, TreatMissingData="notBreaching"),
        changed(ALARM, Period=28_800, EvaluationPeriods=21),
        changed(ALARM, Statistic=None, ExtendedStatistic="p99"),
        changed(OF_MANY, Metrics=METRICS),
        changed(OF_MANY, Metrics=METRICS, Threshold=None, ThresholdMetricId="e1"),
    ],
)
def test_alarms_that_aws_takes(alarm):
    check_alarm(alarm)


@pytest.mark.parametrize(
    ("alarm", "message"),
    [
        (changed(ALARM, Period=None), "Period must not be null"),
        (changed(ALARM, MetricName=None), "MetricName must not be null"),
        (changed(ALARM, EvaluationPeriods=None), "EvaluationPeriods must not be null"),
        (changed(ALARM, Statistic=None), "Exactly one of Statistic and ExtendedStatistic must be set."),
        (
            changed(ALARM, ExtendedStatistic="p99"),
            "Exactly one of Statistic and ExtendedStatistic must be set.",
        ),
        (changed(ALARM, Threshold=None), "Exactly one of Threshold and ThresholdMetricId must be set."),
        # https://github.com/hashicorp/terraform/issues/24070
        (
            changed(ALARM, DatapointsToAlarm=4),
            "DatapointsToAlarm must be less than or equal to EvaluationPeriods",
        ),
        (changed(ALARM, Period=90), "Period must be 10, 20, 30 or a multiple of 60"),
        (
            changed(ALARM, Period=1800, EvaluationPeriods=49),
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).",
        ),
        (
            changed(ALARM, Period=86_400, EvaluationPeriods=8),
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be "
            "<= 604800).",
        ),
        (
            changed(ALARM, TreatMissingData="nope"),
            "TreatMissingData must be one of breaching, notBreaching, ignore, missing",
        ),
        # https://github.com/aws-cloudformation/cfn-lint/issues/766
        (
            changed(OF_MANY, Metrics=METRICS, Statistic="Sum"),
            "Statistic should not be set if list of Metrics is set.",
        ),
        (
            changed(OF_MANY, Metrics=[{"Id": "m1", "MetricStat": STAT | {"Period": 7}}]),
            "Period must be 10, 20, 30 or a multiple of 60",
        ),
    ],
)
def test_alarms_that_aws_refuses(alarm, message):
    with pytest.raises(ApiError) as refused:
        check_alarm(alarm)
    assert (refused.value.code, str(refused.value)) == ("ValidationError", message)
