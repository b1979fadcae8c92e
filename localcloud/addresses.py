"""Maps the public host names of AWS to the local addresses of this cloud.

Records keep the public names, as on AWS. Addresses for people and browsers are translated: the outputs of
stacks (`localise`) and the origins that an API allows (`local_origin`).
"""

import re
import threading

import werkzeug

from localcloud.cloud import Cloud

EXECUTE_API_PATH = "/_aws/execute-api"
WEBSITE_DOMAIN = "s3-website.localhost"
"""Browsers and curl resolve every name below localhost to this machine (RFC 6761)."""

EXECUTE_API = re.compile(re.escape(EXECUTE_API_PATH) + r"/(?P<api>[a-z0-9]+)(?P<path>/.*)?", re.DOTALL)
EXECUTE_API_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\..+")
WEBSITE_HOST = re.compile(
    rf"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.(?:{re.escape(WEBSITE_DOMAIN)}|s3-website[.-][a-z0-9-]+\.amazonaws\.com)"
)
"""Matches the results of `host_name`."""

_API = re.compile(r"https://(?P<api>[a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com")
_DISTRIBUTION = re.compile(r"https?://(?P<host>[a-z0-9]+\.cloudfront\.net)")
_WEBSITE = re.compile(
    r"http://(?P<bucket>[a-z0-9][a-z0-9.-]+)\.s3-website[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com"
)

_lock = threading.Lock()
_distributions: dict[str, str] = {}


def host_name(request: werkzeug.Request) -> str:
    """The name or address in the request's Host header, in lower case, without port and final dot."""
    host = request.host.lower()
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name.removesuffix(".")


def publish(host: str, url: str) -> None:
    """Maps the public `host` of a distribution to the local `url`, which has no slash at its end."""
    with _lock:
        _distributions[host] = url


def withdraw(host: str) -> None:
    """Removes a host that is no longer served, if it is known."""
    with _lock:
        _distributions.pop(host, None)


def localise(cloud: Cloud, text: str) -> str:
    """Replaces every public address of an API, a distribution or a website in `text` by the local one."""
    text = _API.sub(lambda match: f"{cloud.url}{EXECUTE_API_PATH}/{match['api']}", text)
    text = _DISTRIBUTION.sub(lambda match: _distributions.get(match["host"], match[0]), text)
    return _WEBSITE.sub(lambda match: f"http://{match['bucket']}.{WEBSITE_DOMAIN}:{cloud.port}", text)


def local_origin(cloud: Cloud, origin: str) -> str:
    """The local origin of a distribution or website; any other origin unchanged."""
    return localise(cloud, origin) if _DISTRIBUTION.match(origin) or _WEBSITE.match(origin) else origin
