"""The one table between the host names that AWS would have given and where this cloud serves them.

Records keep the public names, as on AWS. What a person or a browser must reach is translated here: the
outputs of stacks (`localise`) and the origins of pages that an API allows (`local_origin`).
"""

import re
import threading

import werkzeug

from localcloud.cloud import Cloud

EXECUTE_API_PATH = "/_aws/execute-api"
WEBSITE_DOMAIN = "s3-website.localhost"
"""Browsers and curl take every name under localhost for this machine (RFC 6761)."""

EXECUTE_API = re.compile(re.escape(EXECUTE_API_PATH) + r"/(?P<api>[a-z0-9]+)(?P<path>/.*)?", re.DOTALL)
EXECUTE_API_HOST = re.compile(r"(?P<api>[a-z0-9]+)\.execute-api\..+")
WEBSITE_HOST = re.compile(
    rf"(?P<bucket>[a-z0-9][a-z0-9.-]+)\.(?:{re.escape(WEBSITE_DOMAIN)}|s3-website[.-][a-z0-9-]+\.amazonaws\.com)"
)
"""Of host names as `host_name` gives them."""

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
    """Notes that the public `host` of a distribution is served at the local `url` (no slash at its end)."""
    with _lock:
        _distributions[host] = url


def withdraw(host: str) -> None:
    """Forgets a host that is no longer served; unknown ones are fine."""
    with _lock:
        _distributions.pop(host, None)


def localise(cloud: Cloud, text: str) -> str:
    """`text` with every public address of an API, a distribution or a website replaced by its local one."""
    text = _API.sub(lambda match: f"{cloud.url}{EXECUTE_API_PATH}/{match['api']}", text)
    text = _DISTRIBUTION.sub(lambda match: _distributions.get(match["host"], match[0]), text)
    return _WEBSITE.sub(lambda match: f"http://{match['bucket']}.{WEBSITE_DOMAIN}:{cloud.port}", text)


def local_origin(cloud: Cloud, origin: str) -> str:
    """The local origin of a page whose public origin is `origin`; any other origin as it is."""
    return localise(cloud, origin) if _DISTRIBUTION.match(origin) or _WEBSITE.match(origin) else origin
