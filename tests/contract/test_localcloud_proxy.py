"""Requests to AWS's own addresses, whatever AWS_ENDPOINT_URL says, stay on this machine."""

import http.client
import socket
import ssl
import threading

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.environment import settings
from localcloud.proxy import is_aws
from localcloud.server import Server


@pytest.fixture(scope="module")
def cloud():
    with Server(port=0) as server:
        yield server.cloud


@pytest.fixture
def client(cloud):
    """A client that is told its address, as sagemaker.session does, in an environment like a command's."""
    variables = settings(cloud.host, cloud.port)

    def make(service, address):
        return boto3.client(
            service,
            endpoint_url=address,
            region_name="eu-west-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            verify=variables["AWS_CA_BUNDLE"],
            config=Config(proxies={"https": variables["HTTPS_PROXY"]}, retries={"total_max_attempts": 1}),
        )

    return make


def test_a_client_with_an_explicit_address_of_aws_reaches_the_cloud(cloud, client):
    found = client("sts", "https://sts.eu-west-1.amazonaws.com").get_caller_identity()
    assert found["Account"] == cloud.account_id
    s3 = client("s3", "https://s3.eu-west-1.amazonaws.com")
    s3.create_bucket(Bucket="told", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="told", Key="large", Body=b"x" * 3_000_000)
    assert len(cloud.client("s3").get_object(Bucket="told", Key="large")["Body"].read()) == 3_000_000


def test_an_unknown_service_is_refused_by_name(client):
    with pytest.raises(ClientError, match="DescribeInstances"):
        client("ec2", "https://ec2.eu-west-1.amazonaws.com").describe_instances()


def test_the_telemetry_of_the_sdks_gets_no_further(cloud):
    """As sagemaker.telemetry sends it, which logs a traceback where it cannot."""
    variables = settings(cloud.host, cloud.port)
    address = "https://sm-pysdk-t-us-east-1.s3.us-east-1.amazonaws.com/telemetry?x-accountId=1"
    answer = requests.get(
        address,
        proxies={"https": variables["HTTPS_PROXY"]},
        verify=variables["REQUESTS_CA_BUNDLE"],
        timeout=60,
    )
    assert "<Code>NoSuchBucket</Code>" in answer.text  # the cloud's own answer: AWS has this bucket
    trusted = ssl.create_default_context(cafile=variables["REQUESTS_CA_BUNDLE"]).get_ca_certs()
    assert len(trusted) > len(ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"]).get_ca_certs())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("sts.us-east-1.amazonaws.com", True),
        ("STS.AMAZONAWS.COM.", True),
        ("s3.cn-north-1.amazonaws.com.cn", True),
        ("lambda.us-east-1.api.aws", True),
        ("pypi.org", False),
        ("amazonaws.com.example.org", False),
        ("notamazonaws.com", False),
    ],
)
def test_the_addresses_of_aws(host, expected):
    assert is_aws(host) == expected


class Echo:
    """A server that answers one connection by what it is sent, after `head` if it is a proxy."""

    def __init__(self, head: bytes = b""):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.asked = b""
        threading.Thread(target=self._serve, args=(head,), daemon=True).start()

    def _serve(self, head):
        connection, _ = self.listening.accept()
        with connection:
            if head:
                while not self.asked.endswith(b"\r\n\r\n"):
                    self.asked += connection.recv(1024)
                connection.sendall(head)
            while piece := connection.recv(65536):
                connection.sendall(piece)


def through(cloud, target):
    """What comes back from a target, asked through the cloud."""
    host, _, port = target.rpartition(":")
    connection = http.client.HTTPConnection(cloud.host, cloud.port, timeout=60)
    connection.set_tunnel(host, int(port))
    connection.connect()
    with connection.sock as end:
        message = b"x" * 200_000
        threading.Thread(target=end.sendall, args=(message,)).start()
        received = b""
        while len(received) < len(message):
            received += end.recv(65536)
    return received == message


def test_other_addresses_are_passed_on(cloud, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert through(cloud, f"127.0.0.1:{Echo().port}")


def test_a_cloud_that_is_its_own_proxy_connects_by_itself(cloud, monkeypatch):
    monkeypatch.setenv("https_proxy", cloud.url)
    monkeypatch.setenv("no_proxy", "")
    assert through(cloud, f"127.0.0.1:{Echo().port}")


def test_the_proxy_that_the_cloud_was_started_with_is_used(cloud, monkeypatch):
    upstream = Echo(b"HTTP/1.1 200 OK\r\n\r\n")
    monkeypatch.setenv("https_proxy", f"http://me:p%40ss@127.0.0.1:{upstream.port}")
    monkeypatch.setenv("no_proxy", "")
    assert through(cloud, "somewhere.example:443")
    assert upstream.asked.startswith(b"CONNECT somewhere.example:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in upstream.asked  # me:p@ss


@pytest.mark.parametrize(
    ("proxy", "target", "said"),
    [
        ("", "nowhere.invalid:443", "502 Bad Gateway"),
        ("https://proxy.example:3128", "somewhere.example:443", "502 Bad Gateway"),
        ("", "somewhere", "400 Bad Request"),
    ],
)
def test_unreachable_addresses_are_reported(cloud, monkeypatch, proxy, target, said):
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("no_proxy", "")
    with socket.create_connection((cloud.host, cloud.port)) as client:
        client.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
        assert client.recv(65536).decode().startswith(f"HTTP/1.1 {said}")


def test_an_authority_is_trusted_for_its_cloud_alone(cloud):
    """Another cloud's clients do not take this one for AWS."""
    with Server(port=0, services=[]) as other:
        trusted = ssl.create_default_context(
            cafile=settings(other.cloud.host, other.cloud.port)["AWS_CA_BUNDLE"]
        )
    connection = http.client.HTTPSConnection(cloud.host, cloud.port, context=trusted, timeout=60)
    connection.set_tunnel("sts.amazonaws.com", 443)
    with pytest.raises(ssl.SSLCertVerificationError):
        connection.connect()
