"""Expands the SAM transform, AWS::Serverless-2016-10-31, with aws-sam-translator, which AWS runs too."""

import copy
from collections.abc import Mapping
from typing import Any

from localcloud.cloudformation.errors import ValidationError

SAM = "AWS::Serverless-2016-10-31"
TYPES = "AWS::Serverless::"
"""The beginning of the types that SAM's transform replaces."""
MACRO = "Fn::Transform"
"""The function that applies a macro to what is beside it."""
NESTED = f"{TYPES}Application"


def declared(template: Mapping[str, Any]) -> list[str]:
    """The names of the transforms that a template declares. Raises ValidationError for one without a name."""
    transforms = template.get("Transform", [])
    listed = transforms if isinstance(transforms, list) else [transforms]
    names: list[Any] = [one.get("Name") if isinstance(one, dict) else one for one in listed]
    if not all(isinstance(name, str) for name in names):
        raise ValidationError("Key Name of transform definition must be a string.")
    return names


def check(template: Mapping[str, Any]) -> None:
    """Raises ValidationError for transforms other than SAM's, which may change the template's structure."""
    if unknown := [name for name in declared(template) if name != SAM]:
        raise ValidationError(f"localcloud does not support the transform {', '.join(unknown)}, only {SAM}.")
    if _has_macro(template):
        raise ValidationError(f"localcloud does not support the function {MACRO}.")


def _has_macro(value: Any) -> bool:
    if isinstance(value, Mapping):
        return MACRO in value or any(_has_macro(entry) for entry in value.values())
    return isinstance(value, list) and any(_has_macro(item) for item in value)


def expand(template: dict[str, Any], parameters: Mapping[str, str], region: str) -> dict[str, Any]:
    """Returns a copy of the template with its transforms applied. Raises ValidationError."""
    if not declared(template):
        return template
    for name, resource in template["Resources"].items():
        if resource["Type"] == NESTED:  # the translator would ask the Serverless Application Repository
            raise ValidationError(f"localcloud does not support {NESTED} (resource {name}).")
    import boto3
    from samtranslator.metrics.metrics import DummyMetricsPublisher, Metrics
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    # The translator needs only the region of the session, because it includes AWS's managed policies.
    metrics = Metrics("localcloud", DummyMetricsPublisher())
    translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=region), metrics=metrics)
    values = {**parameters, "AWS::Region": region}
    try:
        expanded: dict[str, Any] = translator.translate(
            copy.deepcopy(template), parameter_values=values, get_managed_policy_map=_managed_policies
        )
    except InvalidDocumentException as invalid:
        causes = "; ".join(cause.message for cause in invalid.causes)
        raise ValidationError(
            f"Transform {SAM} failed with: Invalid Serverless Application Specification document. "
            f"Number of errors found: {len(invalid.causes)}. {causes}"
        ) from invalid
    finally:
        metrics.publish()  # to the dummy publisher; unpublished metrics cause a warning
    expanded.pop("Transform", None)
    expanded.pop("Globals", None)
    return expanded


def _managed_policies() -> dict[str, str]:
    from samtranslator.internal.managed_policies import get_bundled_managed_policy_map

    return get_bundled_managed_policy_map("aws") or {}
