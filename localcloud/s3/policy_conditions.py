"""The conditions in bucket policies: S3 takes only operators and keys that there are.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from localcloud.iam.condition_keys import is_known
from localcloud.iam.conditions import as_list, is_operator
from localcloud.protocol import ApiError

OTHER_KEYS = frozenset(
    {
        "aws:assumedroot",
        "aws:chatbotsourcearn",
        "aws:ec2instancesourceprivateipv4",
        "aws:ec2instancesourcevpc",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceowner",
        "aws:sourcevpcarn",
        "aws:tagkeys",
        "aws:vpceaccount",
        "aws:vpceorgid",
        "aws:vpceorgpaths",
        "s3:accessgrantsinstancearn",
        "s3:accessgrantscope",
        "s3:accessgrantslocationscope",
        "s3:destinationregion",
        "s3:existingjoboperation",
        "s3:existingjobpriority",
        "s3:inventoryaccessibleoptionalfields",
        "s3:isreplicationpauserequest",
        "s3:jobsuspendedcause",
        "s3:locationconstraint",
        "s3:object-lock-legal-hold",
        "s3:object-lock-mode",
        "s3:object-lock-remaining-retention-days",
        "s3:object-lock-retain-until-date",
        "s3:objectcreationoperation",
        "s3:requestjoboperation",
        "s3:requestjobpriority",
    }
)
"""Keys that localcloud does not fill, or only for AWS's services."""
OTHER_TAGS = ("aws:requesttag/", "aws:resourcetag/", "s3:accesspointtag/", "s3:buckettag/")
ADDRESS_OPERATOR = re.compile(r"(\w+:)?(Not)?IpAddress(IfExists)?")
OF_LISTS = frozenset({"s3:delimiter", "s3:max-keys", "s3:prefix"})
LISTS = frozenset({"s3:listbucket", "s3:listbucketversions"})


def check_conditions(statement: Mapping[str, Any]) -> None:
    """Raises ApiError for a condition of a statement that S3 does not take."""
    block = statement.get("Condition", {})
    if not isinstance(block, dict) or not all(isinstance(tests, dict) for tests in block.values()):
        raise _malformed("Invalid policy syntax.")
    for name, tests in block.items():
        if not is_operator(name):
            raise _malformed(f"Invalid Condition type : {name}")
        for key, values in tests.items():
            _check_key(statement, key.lower())
            if not all(isinstance(value, str | int | float) for value in as_list(values)):
                raise _malformed("Invalid policy syntax.")
            is_address = key.lower() == "aws:sourceip" and ADDRESS_OPERATOR.fullmatch(name)
            if is_address and not all(map(_is_network, as_list(values))):
                raise _malformed("Invalid IP address in Conditions")


def _check_key(statement: Mapping[str, Any], key: str) -> None:
    is_of_s3 = key.startswith(("aws:", "s3:"))
    if is_of_s3 and not (is_known(key) or key in OTHER_KEYS or key.startswith(OTHER_TAGS)):
        raise _malformed("Policy has an invalid condition key")
    actions = [str(action).lower() for action in as_list(statement.get("Action", []))]
    named = {action for action in actions if not any(sign in action for sign in "*?")}
    if key in OF_LISTS and named - LISTS:
        raise _malformed("Conditions do not apply to combination of actions and resources in statement")


def _is_network(value: Any) -> bool:
    try:
        ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        return "${" in str(value)  # a variable
    return True


def _malformed(message: str) -> ApiError:
    return ApiError("MalformedPolicy", message, status=400)
