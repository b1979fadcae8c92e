"""The principals in policies: AWS takes only those that exist.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import functools
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

import botocore.session

from localcloud.cloud import Cloud
from localcloud.iam.callers import is_missing
from localcloud.iam.conditions import as_list

ACCOUNT = re.compile(r"\*|\d{12}|arn:aws:iam::\d{12}:root")
IDENTITY = re.compile(
    r"arn:aws:(iam::\d{12}:(role|user)|sts::\d{12}:(assumed-role|federated-user))/[\w+=,.@/-]+", re.ASCII
)
SERVICE = re.compile(r"(?P<name>[a-z0-9.-]+)\.(amazonaws|amazon)\.com(\.cn)?")
OTHER_SERVICES = frozenset(
    {
        "alexa",
        "amazonmq",
        "costalerts",
        "deepracer",
        "diode",
        "ipam",
        "jellyfish",
        "macie",
        "managedservices",
        "marketplace",
        "migrationhub",
        "monitoring",
        "spot",
        "vmie",
        "vpc",
    }
)
"""Parts of the names of services that neither botocore nor cfn-lint has."""
SHORT = len("s3")
"""Names that are this short are parts of too many words."""


def missing_principal(cloud: Cloud, statement: Mapping[str, Any]) -> tuple[str, str] | None:
    """The kind and name of a statement's first principal that does not exist; None if all may do.

    The element must be "*" or a map of kinds to names, each with at least one.

    Other accounts cannot be looked into. There is no list of all services, so a name counts that contains the
    name of one.
    """
    element = statement.get("Principal", statement.get("NotPrincipal"))
    if element == "*":
        return None
    if not isinstance(element, dict):
        return "AWS", str(as_list(element)[0]) if element else ""
    for kind, names in (element or {"AWS": []}).items():
        for name in map(str, as_list(names) or [""]):
            if not _may_exist(cloud, kind, name):
                return kind, name
    return None


def is_service(name: str) -> bool:
    """Whether a principal has the form of a service's name, such as "lambda.amazonaws.com"."""
    return SERVICE.fullmatch(name) is not None


def _may_exist(cloud: Cloud, kind: str, name: str) -> bool:
    match kind:
        case "AWS":
            is_identity = IDENTITY.fullmatch(name) is not None and not is_missing(cloud, name)
            return is_identity or ACCOUNT.fullmatch(name) is not None
        case "Service":
            found = SERVICE.fullmatch(name)
            return found is not None and _names_service(found["name"])
        case "Federated":  # there are no identity providers of this account
            return not name.startswith(f"arn:aws:iam::{cloud.account_id}:")
    return False


def _names_service(name: str) -> bool:
    labels = name.split(".")
    return any(service in (name if len(service) > SHORT else labels) for service in _services())


@functools.cache
def _services() -> frozenset[str]:
    """The names of AWS's services."""
    file = importlib.resources.files("cfnlint.data.AdditionalSpecs") / "Policies.json"
    of_botocore = botocore.session.get_session().get_available_services()
    return OTHER_SERVICES.union(json.loads(file.read_text()), of_botocore)
