"""Access logs of a stage, in the CloudWatch log group that it names.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
"""

import functools
import hashlib
import re
import uuid
from collections.abc import Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.httpapi.errors import bad_request, not_found
from localcloud.log_streams import LogStream
from localcloud.moto_backends import backend_of


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


VARIABLE = re.compile(r"\$context\.([\w.-]*\w)", re.ASCII)
WITH_BARS = re.compile(rf"{VARIABLE.pattern}\|*", re.ASCII)
"""API Gateway takes a bar after a variable for a part of its name, which it then does not know."""
VARIABLES = _names(
    "accountId apiId awsEndpointRequestId awsEndpointRequestId2 customDomain.basePathMatched dataProcessed "
    "domainName domainPrefix error.message error.messageString error.responseType extendedRequestId "
    "httpMethod identity.accountId identity.caller identity.clientCert.clientCertPem "
    "identity.clientCert.issuerDN identity.clientCert.serialNumber identity.clientCert.subjectDN "
    "identity.clientCert.validity.notAfter identity.clientCert.validity.notBefore "
    "identity.cognitoAuthenticationProvider identity.cognitoAuthenticationType identity.cognitoIdentityId "
    "identity.cognitoIdentityPoolId identity.principalOrgId identity.sourceIp identity.user "
    "identity.userAgent identity.userArn integration.error integration.integrationStatus integration.latency "
    "integration.requestId integration.status integrationErrorMessage integrationLatency integrationStatus "
    "path protocol requestId requestTime requestTimeEpoch resourcePath responseLatency responseLength "
    "routeKey stage status"
)
"""Of HTTP APIs, without those of authorizers, which have names of their own:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html
resourcePath is not documented, and accepted.
"""
OF_AUTHORIZERS = "authorizer."
IDS = frozenset(("extendedRequestId", "requestId"))
MAX_FORMAT_BYTES = 3 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
LOG_GROUP = re.compile(
    r"arn:aws:logs:(?P<region>[a-z0-9-]+):(?P<account>\d+):log-group:(?P<name>[^:]+)(?::\*)?"
)
REMEMBERED_STREAMS = 64


class AccessLogs:
    """Writes the access logs of a cloud's APIs."""

    def __init__(self, cloud: Cloud):
        self._stream = functools.lru_cache(REMEMBERED_STREAMS)(functools.partial(_open, cloud))

    def write(self, stage: Any, api_id: str, values: Mapping[str, Any]) -> None:
        """Logs one request in the stage's format, if the stage is configured for it.

        `values` are the $context variables; those it lacks become "-", as on AWS.
        """
        settings = _named_as_in_requests(stage.access_log_settings)
        if not settings:
            return
        stream = self._stream(settings["DestinationArn"], api_id, stage.name)
        stream.write(VARIABLE.sub(lambda variable: str(values.get(variable[1], "-")), settings["Format"]))
        stream.flush_soon()


def merged(cloud: Cloud, given: Mapping[str, str], former: Mapping[str, str] | None = None) -> dict[str, str]:
    """The AccessLogSettings of a request, completed by the former ones of moto's stage.

    Raises ApiError unless both members are valid and the log group exists.
    """
    settings = {**_named_as_in_requests(former), **given}
    if not settings.get("DestinationArn") or not settings.get("Format"):
        raise bad_request("Access Log value missing. Expected destinationArn and format.")
    group = _group(cloud, settings["DestinationArn"])
    _check_format(settings["Format"])
    from moto.logs.models import logs_backends

    if group not in backend_of(logs_backends, cloud.account_id, cloud.region).groups:
        raise not_found(
            f"Cannot enable logging. LogDestination: {group} does not exist (Service: AWSIngestionHub; "
            f"Status Code: 400; Error Code: LogDestinationNotFoundException; Request ID: {uuid.uuid4()}; "
            "Proxy: null)"
        )
    return settings


def _named_as_in_requests(settings: Mapping[str, str] | None) -> dict[str, str]:
    return {name[:1].upper() + name[1:]: value for name, value in (settings or {}).items()}


def _group(cloud: Cloud, destination: str) -> str:
    """The name of the log group of an ARN. Raises ApiError for any other ARN."""
    if destination.startswith("arn:aws:firehose:"):
        raise bad_request(f"localcloud does not support access logs in Kinesis Data Firehose: {destination}")
    found = LOG_GROUP.fullmatch(destination)
    if found is None:
        raise bad_request(
            "Invalid ARN specified in the request. The ARN must be a valid CloudWatch Logs log group or "
            "Kinesis Data Firehose delivery stream ARN."
        )
    if (found["account"], found["region"]) != (cloud.account_id, cloud.region):
        raise bad_request(
            f"localcloud does not support access logs in another account or region: {destination}"
        )
    return found["name"]


def _check_format(text: str) -> None:
    if len(text.encode(errors="surrogatepass")) > MAX_FORMAT_BYTES:
        raise bad_request(f"The format of access logs has at most {MAX_FORMAT_BYTES:,} bytes.")
    wrong = "The following errors are found in Access Log Format: Access Log format must"
    if "\n" in text or "\r" in text:
        raise bad_request(f"{wrong} be single line: '{text}'")
    if "${context." in text:
        raise bad_request(
            "localcloud does not support ${context.NAME} in access logs; it takes $context.NAME."
        )
    names = [found[0].removeprefix("$context.") for found in WITH_BARS.finditer(text)]
    unknown = [
        f"$context.{name}"
        for name in names
        if name not in VARIABLES and (not name.startswith(OF_AUTHORIZERS) or "|" in name)
    ]
    if unknown:
        raise bad_request(f"The following context variables are not supported: [{', '.join(unknown)}]")
    if IDS.isdisjoint(names):
        raise bad_request(
            f"{wrong} include either $context.requestId or $context.extendedRequestId : '{text}'"
        )


def _open(cloud: Cloud, destination: str, api_id: str, stage: str) -> LogStream:
    """The stream of a stage in the log group of an ARN."""
    group = _group(cloud, destination)
    name = hashlib.md5(f"{api_id}/{stage}".encode(), usedforsecurity=False).hexdigest()
    return LogStream(cloud, group, name, region=cloud.region, makes_group=False, newest_only=True)
