"""The first service behind the front door, which refuses requests that policies do not allow."""

import functools
import json
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import werkzeug

from localcloud.cloud import Cloud
from localcloud.iam.actions import Place, accesses
from localcloud.iam.buckets import (
    anonymous_may,
    bucket_named_in,
    listing_for,
    owner_may,
    skip_policy_check_of_moto,
)
from localcloud.iam.callers import ALLOWED, Caller, InvalidToken, Verdict, caller_of
from localcloud.iam.condition_keys import (
    of_anonymous,
    of_iam,
    of_owner,
    of_request,
    of_s3_resource,
    of_s3_signature,
)
from localcloud.iam.conditions import Context
from localcloud.iam.cors import is_preflight
from localcloud.iam.documents import PolicyDocuments
from localcloud.iam.identities import NO_USER, Identities, names_no_user
from localcloud.iam.policy import Access, Decision, Undecided, evaluate, parse
from localcloud.iam.resources import resource_policies
from localcloud.iam.roles import ASSUME_ROLE, NotAssumable, find_role
from localcloud.iam.sessions import Sessions, refuse_session_token
from localcloud.iam.simulation import Simulation
from localcloud.moto_backends import backend_of
from localcloud.protocol.calls import Call, Signature, call_of, signature_of
from localcloud.protocol.errors import denial

ALWAYS_ALLOWED = ("sts:GetCallerIdentity",)
ACCESS_DENIED = "AccessDenied"
UNKNOWN_KEY = "UnrecognizedClientException", "The security token included in the request is invalid."
INVALID = {
    ("s3", "InvalidClientTokenId"): (
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    ("s3", "ExpiredToken"): ("ExpiredToken", "The provided token has expired."),
    **{(form, "InvalidClientTokenId"): UNKNOWN_KEY for form in ("json", "rest-json", "cbor")},
}
"""What is said of invalid credentials where that differs from STS's words, by form and STS's code."""
STATUS_OF_INVALID = {("s3", "ExpiredToken"): 400, ("s3", "InvalidToken"): 400}
"""The HTTP status of such an answer where that differs from the one of a denial."""


class IamEnforcement:
    """Checks the permissions of every request to AWS's APIs.

    Keys that do not name the account belong to its owner, whom only bucket policies can deny something.
    """

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._simulation = Simulation(cloud)
        self._documents = PolicyDocuments(cloud)
        self._identities = Identities(cloud)
        self._sessions = Sessions(cloud)
        self._managed = threading.Lock()
        self._has_managed = False
        _accept_policies_of_all_versions()
        _end_full_pages()

    def operations(self) -> dict[str, set[str]]:
        """The operations that this service carries out, by botocore's name of the service."""
        parts = (self._simulation, self._documents, self._identities)
        return {
            "iam": set().union(*(part.operations()["iam"] for part in parts)),
            **self._sessions.operations(),
        }

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        signature = signature_of(request)
        if signature is None:
            return self._check_anonymous(request)
        bucket = bucket_named_in(self._cloud, request) if signature.service == "s3" else None
        if bucket:
            skip_policy_check_of_moto(bucket)
        call = functools.cache(lambda: call_of(request, signature.service))
        try:
            caller = caller_of(self._cloud, signature)
        except InvalidToken as error:
            kind = (call().form, error.code)
            code, message = INVALID.get(kind, (error.code, str(error)))
            return denial(call().form, code, message, request, STATUS_OF_INVALID.get(kind))
        reason = None
        try:
            if caller:
                reason = self._why_not(caller, call(), request, signature)
            elif bucket and bucket.policy:
                reason = self._why_not_owner(call(), request, signature)
        except Undecided as undecided:
            return denial(call().form, undecided.code, undecided.message, request, undecided.status)
        if reason:
            return denial(call().form, ACCESS_DENIED, reason, request)
        if signature.service == "sts":
            if caller and call().operation == "GetSessionToken":
                refusal = refuse_session_token(caller)
                return denial(call().form, refusal.code, refusal.message, request, refusal.status)
            return self._sessions.handle(request)
        if signature.service != "iam":
            return None
        self._load_managed_policies()
        is_user = caller is not None and caller.role_arn is None
        is_owner_alone = caller is None and call().operation == "GetUser"
        if names_no_user(call()) and not (is_user or is_owner_alone):
            return denial(call().form, "ValidationError", NO_USER, request, 400)
        for part in (self._simulation, self._documents, self._identities):
            if (answer := part.handle(request)) is not None:
                return answer
        return None

    def _load_managed_policies(self) -> None:
        """Gives the account AWS's managed policies, such as AWSLambdaBasicExecutionRole, once IAM is asked.

        moto would load them for every account and partition of the process. There are 1,500 of them, so the
        cloud does not wait for them when it starts. Only IAM's own API attaches them to anybody.
        """
        with self._managed:
            if self._has_managed:
                return
            from moto.iam.aws_managed_policies import aws_managed_policies_data
            from moto.iam.models import AWSManagedPolicy, iam_backends

            backend = backend_of(iam_backends, self._cloud.account_id, "aws")
            backend.aws_managed_policies = [
                AWSManagedPolicy.from_data(name, self._cloud.account_id, backend.region_name, policy)
                for name, policy in json.loads(aws_managed_policies_data).items()
            ]
            backend.managed_policies |= {policy.arn: policy for policy in backend.aws_managed_policies}
            self._has_managed = True

    def _check_anonymous(self, request: werkzeug.Request) -> werkzeug.Response | None:
        """Checks an unsigned request, which only S3 has among AWS's APIs."""
        bucket = bucket_named_in(self._cloud, request)
        if bucket:
            skip_policy_check_of_moto(bucket)
        if bucket is None or (request.method == "POST" and request.mimetype == "multipart/form-data"):
            return None  # a browser's upload form carries its signature inside
        if is_preflight(request):
            return None  # S3 answers it, by the bucket's CORS configuration
        place = Place(self._cloud.account_id, self._cloud.region)
        call = call_of(request, "s3")
        for access in self._accesses(call, request, place):
            access = _with_context(access, call, request, place, of_anonymous())
            try:
                may = anonymous_may(self._cloud, bucket, access)
            except Undecided as undecided:
                return denial("s3", undecided.code, undecided.message, request, undecided.status)
            if not may:
                return denial("s3", ACCESS_DENIED, "Access Denied", request)
        return None

    def _accesses(self, call: Call, request: werkzeug.Request, place: Place) -> Iterator[Access]:
        """What a call needs permissions for, by itself and by the state of a bucket."""
        for access in accesses(call, request, place):
            yield access
            if listing := listing_for(self._cloud, access):
                yield listing

    def _why_not_owner(self, call: Call, request: werkzeug.Request, signature: Signature) -> str | None:
        place = Place(self._cloud.account_id, signature.region)
        for access in self._accesses(call, request, place):
            access = _with_context(access, call, request, place, of_owner(place.account_id))
            if not owner_may(self._cloud, access):
                verdict = Verdict(Decision.EXPLICIT_DENY, "resource-based policy")
                return _explain(f"arn:aws:iam::{self._cloud.account_id}:root", access, verdict)
        return None

    def _why_not(
        self, caller: Caller, call: Call, request: werkzeug.Request, signature: Signature
    ) -> str | None:
        """Why the caller may not make this call, in AWS's words; None if it is allowed."""
        place = Place(self._cloud.account_id, signature.region)
        for access in self._accesses(call, request, place):
            access = _with_context(access, call, request, place, caller.context)
            verdict = self._judge(caller, access)
            if not verdict.allowed:
                return _explain(caller.arn, access, verdict)
        return None

    def _judge(self, caller: Caller, access: Access) -> Verdict:
        if access.action in ALWAYS_ALLOWED:
            return ALLOWED
        if access.action == ASSUME_ROLE:
            return self._judge_assume_role(caller, access)
        return caller.judge(access, resource_policies(self._cloud, access.resource))

    def _judge_assume_role(self, caller: Caller, access: Access) -> Verdict:
        """Checks sts:AssumeRole. If a role trusts the account, the caller's policies must allow it too."""
        untrusted = Verdict(Decision.IMPLICIT_DENY, "trust policy")
        try:
            trust = [parse(find_role(self._cloud, access.resource).assume_role_policy_document)]
        except NotAssumable:
            return untrusted
        if evaluate(trust, access, caller.names()) is not Decision.ALLOWED:
            return untrusted
        verdict = caller.judge(access, [])
        if verdict.decision is not Decision.IMPLICIT_DENY:
            return verdict
        named_itself = evaluate(trust, access, caller.names(with_account=False)) is Decision.ALLOWED
        return ALLOWED if named_itself else verdict


def _accept_policies_of_all_versions() -> None:
    """Makes moto accept policies of version 2008-10-17 and without a version, as IAM does.

    moto demands 2012-10-17 wherever it validates a policy. It still refuses versions that do not exist.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
    """
    from moto.iam.policy_validation import BaseIAMPolicyValidator

    BaseIAMPolicyValidator._validate_version = lambda self: None  # type: ignore[method-assign]


def _end_full_pages() -> None:
    """Makes moto's lists of policies end with a page that is full, after which moto promises another."""
    from moto.iam.models import IAMBackend

    def page(
        self: Any, policies: Iterable[Any], marker: str | None, max_items: int, path_prefix: str
    ) -> tuple[list[Any], str | None]:
        found = [policy for policy in policies if policy.path.startswith(path_prefix or "")]
        found.sort(key=lambda policy: policy.name)
        end = int(marker or 0) + max_items
        return found[int(marker or 0) : end], str(end) if end < len(found) else None

    IAMBackend._filter_attached_policies = page  # type: ignore[method-assign]


def _with_context(
    access: Access, call: Call, request: werkzeug.Request, place: Place, of_caller: Context
) -> Access:
    """Adds the condition keys of the caller, the request and the object to those of the action."""
    context = {**of_caller, **of_request(request, place.account_id, place.region)}
    service = access.action.partition(":")[0]
    if service == "s3":
        version = next(iter(access.context.get("s3:versionid", [])), None)
        context |= of_s3_signature(request)
        context |= of_s3_resource(place.account_id, access.action, access.resource, version)
    elif service == "iam":
        context |= of_iam(place.account_id, call)
    return Access(access.action, access.resource, {**context, **access.context})


def _explain(who: str, access: Access, verdict: Verdict) -> str:
    """The reason for a denial, in AWS's words."""
    quoted = f'"{access.resource}"' if access.action.startswith("s3:") else access.resource
    text = f"User: {who} is not authorized to perform: {access.action} on resource: {quoted}"
    if verdict.policy == "trust policy":
        return text
    if verdict.decision is Decision.EXPLICIT_DENY:
        article = "an" if verdict.policy.startswith("i") else "a"
        return f"{text} with an explicit deny in {article} {verdict.policy}"
    return f"{text} because no {verdict.policy} allows the {access.action} action"
