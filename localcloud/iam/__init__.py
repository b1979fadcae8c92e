"""Identity and access management: identifies callers and enforces policies."""

from localcloud.iam.callers import role_may
from localcloud.iam.enforcement import IamEnforcement
from localcloud.iam.principals import is_service, missing_principal
from localcloud.iam.resources import service_may
from localcloud.iam.roles import NotAssumable, assume_for_service, require_trust

__all__ = [
    "IamEnforcement",
    "NotAssumable",
    "assume_for_service",
    "is_service",
    "missing_principal",
    "require_trust",
    "role_may",
    "service_may",
]
