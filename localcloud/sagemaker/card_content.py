"""The content of model cards, checked by AWS's schema.

https://docs.aws.amazon.com/sagemaker/latest/dg/model-cards.html has it. CloudFormation's schema of
AWS::SageMaker::ModelCard, which cfn-lint includes, is the same one with names in its own style.
"""

import functools
import re
from typing import Any

from jsonschema import Draft7Validator

from localcloud.protocol import InvalidRequest
from localcloud.resource_schemas import schema_of
from localcloud.untrusted import parse_json

WORD = re.compile(r"(?<!^)(?=[A-Z])")


def check_content(text: str) -> None:
    """Raises InvalidRequest unless a text is a model card's content in JSON."""
    try:
        content = parse_json(text)
    except ValueError as error:
        raise InvalidRequest(f"The content of a model card must be JSON: {error}.") from None
    for problem in _validator().iter_errors(content):
        where = ".".join(map(str, problem.absolute_path)) or "its top"
        raise InvalidRequest(
            f"The content of a model card must follow its schema: {problem.message} (at {where})."
        )


@functools.cache
def _validator() -> Draft7Validator:
    definitions = _snake_case_properties(schema_of("AWS::SageMaker::ModelCard")["definitions"])
    return Draft7Validator({"$ref": "#/definitions/Content", "definitions": definitions})


def _snake_case_properties(schema: Any) -> Any:
    """A schema with the names of its properties in model cards' style instead of CloudFormation's."""
    if isinstance(schema, list):
        return [_snake_case_properties(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    renamed = {key: _snake_case_properties(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        renamed["properties"] = {_snake_case(key): value for key, value in renamed["properties"].items()}
    if isinstance(schema.get("required"), list):
        renamed["required"] = [_snake_case(name) for name in schema["required"]]
    return renamed


def _snake_case(name: str) -> str:
    return WORD.sub("_", name).lower()
