"""Validates requests that moto answers against botocore's models, since moto does not check constraints.

localcloud's own services validate requests themselves (protocol/service.py).
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import werkzeug

from localcloud.moto_items import check_items
from localcloud.moto_kms import check_key
from localcloud.moto_limits import check_limits
from localcloud.moto_parameters import check_parameter
from localcloud.moto_secrets import check_secret
from localcloud.protocol import ApiError
from localcloud.protocol.calls import Target, call_of, form_of_call, model_of, operation_of, signature_of
from localcloud.protocol.errors import InvalidRequest, MalformedRequest
from localcloud.protocol.service import read_request
from localcloud.protocol.validation import Violations, validate

if TYPE_CHECKING:
    from moto.core.model import OperationModel

CODES = {
    "ecr": "InvalidParameterException",
    "iam": "ValidationError",
    "cloudwatch": "ValidationError",
    "logs": "InvalidParameterException",
    "s3": "InvalidArgument",
    "sns": "InvalidParameter",
    "sqs": "InvalidParameterValue",
    "sts": "ValidationError",
}
"""The code of a request that violates a constraint, by botocore's name of the service."""
VALIDATION = "ValidationException"
DUPLICATE_TAGS_OF = {"kms": ("TagException", "Duplicate tag keys")}
"""The codes and words of services that have their own."""
MALFORMED_XML = (
    "MalformedXML",
    "The XML you provided was not well-formed or did not validate against our published schema",
)
OWN_CODES = {
    "createBucketConfiguration.locationConstraint": (
        "InvalidLocationConstraint",
        "The specified location-constraint is not valid",
    ),
    "storageClass": ("InvalidStorageClass", "The storage class you specified is not valid"),
    "serverSideEncryption": ("InvalidArgument", "The encryption method specified is not supported"),
    "encodingType": ("InvalidArgument", "Invalid Encoding Method specified in Request"),
}
"""S3's codes and words for single members, by their paths."""
IN_REGION: Mapping[str, Callable[[str, Mapping[str, Any], str], None]] = {
    "dynamodb": check_items,
    "kms": check_key,
    "secretsmanager": check_secret,
    "ssm": check_parameter,
}
"""The further checks of services, which may look at the records in the region of the request."""


def check_constraints(request: werkzeug.Request, signing_name: str, target: Target) -> None:
    """Raises ApiError for a request that violates the model of the operation that it calls.

    `signing_name` is the name of its service in signatures.
    """
    service = target.service or ""
    form = form_of_call(request, signing_name)
    if service == "iam" and not request.values.get("Marker", "0").isdecimal():
        raise ApiError(CODES[service], "Invalid Marker.")  # moto's are numbers
    found = _model(request, target, form)
    if found is None or found[0].input_shape is None:
        return
    model, uri_parameters = found
    try:
        if form == "cbor":
            members = call_of(request, signing_name).parameters
            validate(model.input_shape, members)
        else:
            members = read_request(request, model, uri_parameters, form=form, with_body=not _is_data(model))
        check_limits(service, target.operation, members)
        if (check := IN_REGION.get(service)) and (signature := signature_of(request)):
            check(target.operation, members, signature.region)
    except InvalidRequest as error:
        if service == "s3":
            raise _of_s3(model, error) from None
        if service == "iam":
            raise invalid_for_iam(target.operation, error) from None
        if service in DUPLICATE_TAGS_OF and isinstance(error, Violations) and error.repeats_a_tag:
            raise ApiError(*DUPLICATE_TAGS_OF[service]) from None
        raise ApiError(CODES.get(service, VALIDATION), error.message) from None
    except MalformedRequest as error:
        if service == "s3":
            raise ApiError(*MALFORMED_XML, status=400) from None
        raise ApiError(error.code, error.message) from None


def invalid_for_iam(operation: str, error: InvalidRequest) -> ApiError:
    """IAM's error for a request that violates its model. IAM shows no values.

    The words are those of LocalStack's recordings, tests/aws/services/iam/*.snapshot.json.
    """
    if not isinstance(error, Violations):
        return ApiError("ValidationError", error.message)
    if error.repeats_a_tag:
        of_policy = operation in ("CreatePolicy", "TagPolicy")
        why = "" if of_policy else " Please note that Tag keys are case insensitive."
        return ApiError("InvalidInput", f"Duplicate tag keys found.{why}", status=400)
    return ApiError("ValidationError", error.worded(with_values=False, never_null=True))


def _model(
    request: werkzeug.Request, target: Target, form: str
) -> "tuple[OperationModel, Mapping[str, str]] | None":
    """The model of the operation, and the labels of the request's path."""
    if form in ("json", "query", "cbor") and (service := model_of(target.service or "")):
        return service.operation_model(target.operation), {}
    return operation_of(request, target.service or "")


def _is_data(model: "OperationModel") -> bool:
    """Whether the body of a request is data, such as an object's content, which may be large."""
    shape = model.input_shape
    payload = shape.serialization.get("payload")
    return payload is not None and shape.members[payload].type_name == "blob"


def _of_s3(model: "OperationModel", error: InvalidRequest) -> ApiError:
    """S3's error: it has its own messages for some members, and one error for everything in the body."""
    paths = error.paths if isinstance(error, Violations) else []
    for path, (code, words) in OWN_CODES.items():
        if path in paths:
            return ApiError(code, words, status=400)
    serialization: Mapping[str, Any] = model.input_shape.serialization
    payload = str(serialization.get("payload", ""))
    in_body = f"{payload[:1].lower()}{payload[1:]}"
    if payload and any(path.startswith(in_body) for path in paths):
        return ApiError(*MALFORMED_XML, status=400)
    return ApiError(CODES["s3"], error.message, status=400)
