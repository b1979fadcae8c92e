"""The gate: refuses requests before any service sees them.

A cloud runs code, so its clients have all the rights of this user on the machine. Web pages must not be
clients, although browsers can reach this machine: neither from their own origin nor by a name that their
owner points to this machine (DNS rebinding). The same is true of other users of the machine and of the
network.
"""

import functools
import hmac
import ipaddress
import re
import ssl
from collections.abc import Collection

import werkzeug

from localcloud.addresses import host_name
from localcloud.cloud import Cloud
from localcloud.control import HEALTH
from localcloud.iam.buckets import bucket_named_in
from localcloud.iam.callers import InvalidToken, caller_of
from localcloud.iam.cors import is_preflight, rule_for
from localcloud.peers import is_of_this_user
from localcloud.protocol.calls import Call, Signature, call_of, form_of, form_of_call
from localcloud.protocol.errors import ApiError, denial
from localcloud.routing import APIS, HTTP_API, LOCALCLOUD, WEBSITE, Destination

FORBIDDEN = 403
UNREADABLE = {
    "AWS": (
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    ),
    "AWS4-HMAC-SHA256": (
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; the Credential is mal-formed; expecting "
        '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    ),
}
"""S3's errors for Authorization headers without a signature of version 4, by their schemes."""
UNKNOWN_SCHEME = ("InvalidArgument", "Unsupported Authorization Type")
AWS_HOST = re.compile(
    rf"(?:[a-z0-9._-]+\.)?(?:{'|'.join([*APIS, HTTP_API, WEBSITE])})"
    r"(?:[.-](?:dualstack\.)?[a-z]{2}(?:-[a-z]+)+-\d)?\.amazonaws\.com"
)
"""AWS's host names for the supported services. Only AWS decides which machines these point to."""
SIGNED_BY_URL = ("s3", "sts")
"""Services whose requests may carry their signature in the URL, which any link can do."""
NEVER_ANONYMOUS = (
    "BucketCORSPreflightCheck",
    "CreateBucket",
    "ListBuckets",
    "ObjectCORSPreflightCheck",
    "PostObject",
)
"""Operations that S3 refuses to callers without credentials; an upload form carries some inside."""
OBJECT_READS = ("GetObject", "HeadObject")


class Refusal(ApiError):
    """Refuses a request at the gate."""


class Gate:
    """Checks the requests to one cloud. `allowed_hosts` are its other names, or "*.name" patterns."""

    def __init__(self, cloud: Cloud, allowed_hosts: Collection[str] = ()):
        self._cloud = cloud
        self._allowed_hosts = {name.lower() for name in allowed_hosts}
        self._knows = functools.lru_cache(maxsize=256)(self._judge_name)

    def refuse(self, request: werkzeug.Request, destination: Destination) -> werkzeug.Response | None:
        """The response to a request that is refused, else None. Does not read the body."""
        try:
            self._check_host(request)
            if request.path != HEALTH or destination.service != LOCALCLOUD:
                check_peer(self._cloud, request)
            if not destination.is_data_plane:
                self._check_page(request, destination)
                self._check_signature(request, destination)
        except Refusal as refusal:
            form = "rest-json" if destination.service == LOCALCLOUD else form_of(request)
            answer = denial(form, refusal.code, str(refusal), request)
            answer.status_code = refusal.status or FORBIDDEN
            # The unread body must not be taken for another request.
            answer.headers["Connection"] = "close"
            return answer
        return None

    def _check_host(self, request: werkzeug.Request) -> None:
        if isinstance(request.environ["werkzeug.socket"], ssl.SSLSocket):
            return  # the client has seen the cloud's certificate of this name
        name = host_name(request)
        if not self._knows(name):
            raise Refusal(
                "AccessDenied",
                f"localcloud does not answer to the name {name}, because anyone can point a name at this "
                f"machine. Use 127.0.0.1 or localhost, or start it with --allow-host {name}.",
            )

    def _judge_name(self, name: str) -> bool:
        """Whether the cloud answers under a name. That depends on nothing but the name."""
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return (
                name in ("localhost", self._cloud.host)
                or name.endswith(".localhost")
                or AWS_HOST.fullmatch(name) is not None
                or not self._allowed_hosts.isdisjoint({name, *_wildcards(name)})
            )
        # Nobody can point an address elsewhere. But browsers send no Origin with requests to 0.0.0.0.
        if self._cloud.needs_token:
            return not address.is_unspecified
        return address.is_loopback

    def _check_page(self, request: werkzeug.Request, destination: Destination) -> None:
        """Refuses requests of web pages, by headers that browsers send and AWS clients do not."""
        site = request.headers.get("Sec-Fetch-Site", "none")
        if "Origin" in request.headers:
            if destination.service == "s3" and self._admits_page(request):
                return
        else:
            if site == "none":  # no browser, or what a person typed into its address bar
                return
            if destination.service == "s3" and self._shows_object(request, site):
                return
        message = "Only APIs and websites answer web pages, not the cloud's control plane."
        raise Refusal("AccessDenied", message)

    def _admits_page(self, request: werkzeug.Request) -> bool:
        """Whether the CORS configuration of the bucket in a request lets its page in."""
        bucket = bucket_named_in(self._cloud, request)
        return bucket is not None and rule_for(bucket, request) is not None

    def _shows_object(self, request: werkzeug.Request, site: str) -> bool:
        """Whether a browser asks for a public or presigned object to show it, which scripts cannot read.

        Any page may link to it, but only pages of this machine may embed it, as an image for example. Since
        signatures are not checked, other pages could embed any object.
        """
        is_document = request.headers.get("Sec-Fetch-Dest") == "document"
        if "Authorization" in request.headers or (site == "cross-site" and not is_document):
            return False
        return (
            form_of_call(request, "s3") == "s3"
            and call_of(request, "s3").operation in OBJECT_READS
            and bucket_named_in(self._cloud, request) is not None
        )

    def _check_signature(self, request: werkzeug.Request, destination: Destination) -> None:
        signature = destination.signature
        if destination.service == LOCALCLOUD:
            if self._cloud.needs_token and request.path != HEALTH:
                self._check_token(_bearer(request))
        elif signature is None:
            self._check_unsigned(request)
        elif "Authorization" not in request.headers and signature.service not in SIGNED_BY_URL:
            raise Refusal(
                "AccessDenied",
                f"A request to {signature.service} must carry its signature in the Authorization header.",
            )
        elif self._cloud.needs_token and not self._has_issued(signature):
            self._check_token(signature.access_key)

    def _check_unsigned(self, request: werkzeug.Request) -> None:
        """Refuses unsigned requests, except those to buckets of S3, whose policies decide."""
        if form_of_call(request, "s3") == "s3":
            is_form = request.method == "POST" and request.mimetype == "multipart/form-data"
            bucket = bucket_named_in(self._cloud, request)
            if is_preflight(request) and bucket:
                return  # it has passed as a page's
            if is_form and bucket and not self._cloud.needs_token:
                return  # a browser's upload form carries its signature inside
            if _is_anonymous_call(call_of(request, "s3"), bucket is not None):
                if scheme := request.headers.get("Authorization", "").partition(" ")[0]:
                    raise Refusal(*UNREADABLE.get(scheme, UNKNOWN_SCHEME), status=400)
                return
        raise Refusal(
            "MissingAuthenticationToken",
            "Requests to AWS's APIs are signed: run the client with `localcloud run`, or set what "
            "`localcloud env` prints.",
        )

    def _has_issued(self, signature: Signature) -> bool:
        """Whether the cloud has issued the credentials, to a role's session or an IAM user."""
        try:
            return caller_of(self._cloud, signature) is not None
        except InvalidToken as error:
            raise Refusal(error.code, str(error)) from error

    def _check_token(self, given: str) -> None:
        if not hmac.compare_digest(given.encode(), self._cloud.access_key.encode()):
            raise Refusal(
                "UnrecognizedClientException",
                "This cloud answers only clients that carry its token: set what `localcloud env` prints.",
            )


def check_peer(cloud: Cloud, request: werkzeug.Request) -> None:
    """Raises Refusal for other users of this machine, unless the cloud has a token."""
    if not cloud.needs_token and not is_of_this_user(request.environ["werkzeug.socket"]):
        raise Refusal("AccessDenied", "This localcloud belongs to another user of this machine.")


def _is_anonymous_call(call: Call, bucket_exists: bool) -> bool:
    """Whether S3 has this operation and carries it out for anonymous callers."""
    if call.operation in NEVER_ANONYMOUS or not call.operation.isidentifier():
        return False
    return bucket_exists or call.operation.startswith(("Get", "Head", "List"))


def _bearer(request: werkzeug.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


def _wildcards(name: str) -> list[str]:
    labels = name.split(".")
    return [f"*.{'.'.join(labels[index:])}" for index in range(1, len(labels))]
