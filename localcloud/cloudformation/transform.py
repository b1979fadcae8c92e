"""Expands AWS::Serverless-2016-10-31, the SAM transform, with the library that AWS itself runs for it."""

import copy
from collections.abc import Mapping
from typing import Any

from localcloud.cloudformation.errors import ValidationError

SAM = "AWS::Serverless-2016-10-31"


def declared(template: Mapping[str, Any]) -> list[str]:
    """The names of the transforms that a template asks for."""
    transforms = template.get("Transform") or []
    return [transforms] if isinstance(transforms, str) else list(transforms)


def expand(template: dict[str, Any], parameters: Mapping[str, str], region: str) -> dict[str, Any]:
    """The template after its transforms; the one given stays as it is. Raises ValidationError."""
    transforms = declared(template)
    if unknown := [name for name in transforms if name != SAM]:
        raise ValidationError(f"localcloud does not support the transforms {unknown}, only {SAM}.")
    if not transforms:
        if serverless := _serverless(template):
            raise ValidationError(
                f"{serverless} are AWS::Serverless types: the template needs Transform: {SAM}"
            )
        return template
    import boto3
    from samtranslator.metrics.metrics import DummyMetricsPublisher, Metrics
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # The translator asks a session for its region only; the policies it may name come with it.
    metrics = Metrics("localcloud", DummyMetricsPublisher())
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region), metrics=metrics)
    values = {**parameters, "AWS::Region": region}
    try:
        expanded = translator.translate(
            copy.deepcopy(template), parameter_values=values, get_managed_policy_map=_managed_policies
        )
    except InvalidDocumentException as invalid:
        causes = "; ".join(cause.message for cause in invalid.causes)
        raise ValidationError(
            f"Transform {SAM} failed with: Invalid Serverless Application Specification document. "
            f"Number of errors found: {len(invalid.causes)}. {causes}"
        ) from invalid
    finally:
        metrics.publish()  # to nobody; it complains when it is not asked to
    expanded.pop("Transform", None)
    expanded.pop("Globals", None)
    return expanded


def _serverless(template: Mapping[str, Any]) -> list[str]:
    resources = template["Resources"].items()
    return [name for name, resource in resources if resource["Type"].startswith("AWS::Serverless::")]


def _managed_policies() -> dict[str, str]:
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map

    return get_bundled_managed_policy_map("aws") or {}
