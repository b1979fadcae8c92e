"""Keeps requests to AWS's own addresses on this machine: the cloud is the HTTPS proxy of its clients.

AWS_ENDPOINT_URL has no effect on a client with an explicit address, such as the STS client of SageMaker's SDK
(https://sts.us-east-1.amazonaws.com), nor on the SDK's telemetry. The cloud itself accepts connections to
AWS, with a certificate of its own. It passes all others on, through the proxy that it was started with, if
any.
"""

import base64
import contextlib
import functools
import http.client
import ipaddress
import json
import re
import selectors
import socket
import ssl
import urllib.request
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote, urlsplit

import botocore

from localcloud.authority import Authority
from localcloud.cloud import Cloud
from localcloud.containers.bounded_http import PIECE_BYTES
from localcloud.peers import is_of_this_user

TARGET = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:.]+\]):(?P<port>[0-9]{1,5})")
CONNECT_SECONDS = 30.0
HANDSHAKE_SECONDS = 20.0


class ProxyError(Exception):
    """A connection is refused. The message is for the client's log."""

    def __init__(self, status: HTTPStatus, message: str):
        super().__init__(message)
        self.status = status


class Proxy:
    """Handles the CONNECT requests to a cloud."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._authority = Authority(cloud.state_dir)

    def tls_of(self, target: str) -> ssl.SSLContext | None:
        """The TLS settings under which the cloud itself is the target, `host:port`; None if it is not AWS's.

        Raises ProxyError for an invalid target.
        """
        host, _ = _split(target)
        return self._authority.context(host) if is_aws(host) else None

    def dial(self, client: socket.socket, target: str) -> socket.socket:
        """A connection to a target that is not AWS's, for a client on this machine. Raises ProxyError."""
        if not (_is_local(client) and is_of_this_user(client)):
            raise ProxyError(HTTPStatus.FORBIDDEN, "This localcloud is a proxy for its own user only.")
        host, port = _split(target)
        try:
            return self._dial(host, port)
        except OSError as error:  # http.client's for a proxy that refuses is one, too
            raise ProxyError(HTTPStatus.BAD_GATEWAY, f"{target} cannot be reached: {error}") from error

    def _dial(self, host: str, port: int) -> socket.socket:
        upstream = urlsplit(urllib.request.getproxies_environment().get("https", ""))
        own_names = ("127.0.0.1", "localhost", self._cloud.host)
        is_own = upstream.port == self._cloud.port and upstream.hostname in own_names
        if not upstream.hostname or is_own or urllib.request.proxy_bypass(host):
            return socket.create_connection((host, port), CONNECT_SECONDS)
        if upstream.scheme != "http":
            raise OSError(
                f"HTTPS_PROXY={upstream.scheme}://...: localcloud passes on to http:// proxies only"
            )
        connection = http.client.HTTPConnection(
            upstream.hostname, upstream.port or http.client.HTTP_PORT, timeout=CONNECT_SECONDS
        )
        connection.set_tunnel(host, port, _authorization(upstream.username, upstream.password))
        connection.connect()
        return connection.sock


def relay(one: socket.socket, other: socket.socket) -> None:
    """Copies data in both directions between two connections, until one of them is closed."""
    partners = {one: other, other: one}
    with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
        for end in partners:
            end.settimeout(None)
            selector.register(end, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                source = key.fileobj
                assert isinstance(source, socket.socket)
                if not (piece := source.recv(PIECE_BYTES)):
                    return
                partners[source].sendall(piece)


@functools.cache
def _suffixes() -> tuple[str, ...]:
    """The domains of AWS's APIs in all partitions, by botocore's list of them."""
    listed = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())
    outputs = [partition["outputs"] for partition in listed["partitions"]]
    return tuple(sorted({output[name] for output in outputs for name in ("dnsSuffix", "dualStackDnsSuffix")}))


def is_aws(host: str) -> bool:
    """Whether a host's name is below one of the domains of AWS's APIs."""
    name = host.lower().removesuffix(".")
    return name.endswith(tuple(f".{suffix}" for suffix in _suffixes()))


def _split(target: str) -> tuple[str, int]:
    if (found := TARGET.fullmatch(target)) is None or int(found["port"]) > 65535:
        raise ProxyError(HTTPStatus.BAD_REQUEST, f"{target} is not host:port.")
    return found["host"].strip("[]"), int(found["port"])


def _is_local(client: socket.socket) -> bool:
    return ipaddress.ip_address(client.getpeername()[0]).is_loopback


def _authorization(user: str | None, password: str | None) -> dict[str, str]:
    if user is None:
        return {}
    pair = base64.b64encode(f"{unquote(user)}:{unquote(password or '')}".encode()).decode()
    return {"Proxy-Authorization": f"Basic {pair}"}
