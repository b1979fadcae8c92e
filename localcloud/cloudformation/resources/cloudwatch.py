"""AWS::CloudWatch::Alarm and AWS::CloudWatch::Dashboard."""

from localcloud.cloud import Cloud
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
)

MAX_NAME_LENGTH = 255
ALARM_PROPERTIES = frozenset(
    {
        "ActionsEnabled",
        "AlarmActions",
        "AlarmDescription",
        "ComparisonOperator",
        "DatapointsToAlarm",
        "Dimensions",
        "EvaluateLowSampleCountPercentile",
        "EvaluationPeriods",
        "ExtendedStatistic",
        "InsufficientDataActions",
        "MetricName",
        "Metrics",
        "Namespace",
        "OKActions",
        "Period",
        "Statistic",
        "Threshold",
        "ThresholdMetricId",
        "TreatMissingData",
        "Unit",
    }
)
"""Properties with the same names in CloudFormation and in PutMetricAlarm."""


class Alarm(Provider):
    type = "AWS::CloudWatch::Alarm"
    is_only_stored = True
    supported = ALARM_PROPERTIES | {"AlarmName", "Tags"}
    attributes = frozenset({"Arn"})
    name_property = "AlarmName"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        # Composite alarms have the same names, but there are none.
        return bool(cloud.client("cloudwatch").describe_alarms(AlarmNames=[identifier])["MetricAlarms"])

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("AlarmName") or context.generated_name(MAX_NAME_LENGTH)
        self._put(context, name, properties)
        cloud = context.cloud
        return PhysicalResource(
            name, {"Arn": f"arn:aws:cloudwatch:{cloud.region}:{cloud.account_id}:alarm:{name}"}
        )

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        self._put(context, current.physical_id, properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        context.client("cloudwatch").delete_alarms(AlarmNames=[current.physical_id])

    def _put(self, context: Context, name: str, properties: Properties) -> None:
        settings = {key: value for key, value in properties.items() if key in ALARM_PROPERTIES}
        tags = context.tag_list(properties.get("Tags"))
        context.client("cloudwatch").put_metric_alarm(
            AlarmName=name, **settings, **({"Tags": tags} if tags else {})
        )


class Dashboard(Provider):
    type = "AWS::CloudWatch::Dashboard"
    is_only_stored = True
    supported = frozenset({"DashboardBody", "DashboardName"})
    name_property = "DashboardName"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        cloudwatch = cloud.client("cloudwatch")
        missing = (
            cloudwatch.exceptions.ResourceNotFound,
            cloudwatch.exceptions.ResourceNotFoundException,
            cloudwatch.exceptions.DashboardNotFoundError,
        )
        return found(missing, cloudwatch.get_dashboard, DashboardName=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        name = properties.get("DashboardName") or context.generated_name(MAX_NAME_LENGTH)
        self._put(context, name, properties)
        return PhysicalResource(name)

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        self._put(context, current.physical_id, properties)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        cloudwatch = context.client("cloudwatch")
        try:
            cloudwatch.delete_dashboards(DashboardNames=[current.physical_id])
        except cloudwatch.exceptions.DashboardNotFoundError:
            return

    def _put(self, context: Context, name: str, properties: Properties) -> None:
        context.client("cloudwatch").put_dashboard(
            DashboardName=name, DashboardBody=properties["DashboardBody"]
        )


PROVIDERS = (Alarm(), Dashboard())
