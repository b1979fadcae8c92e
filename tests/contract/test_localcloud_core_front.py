"""The front door and what services share, with small services of the tests' own."""

import http.client
import os

import pytest
import werkzeug
from botocore.exceptions import ClientError

from localcloud.server import Server


class Recorder:
    """Reads every request's body and claims none."""

    def __init__(self, cloud):
        self.bodies = []
        self.closed = False

    def handle(self, request):
        self.bodies.append(request.get_data())
        return None

    def status(self):
        return {"bodies": [str(len(self.bodies))]}

    def close(self):
        self.closed = True


class Greeter:
    def __init__(self, cloud):
        pass

    def handle(self, request):
        if request.path == "/fail":
            raise KeyError("a secret of the implementation")
        return werkzeug.Response("hello") if request.path == "/hello" else None


@pytest.fixture(scope="module")
def server():
    with Server(port=0, services=[Recorder, Greeter]) as running:
        yield running


def ask(server, path, method="GET", body=None, headers=None, **options):
    connection = http.client.HTTPConnection(server.cloud.host, server.cloud.port, timeout=10)
    try:
        connection.request(method, path, body, headers or {}, **options)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_services_are_asked_in_turn_and_moto_last(server):
    assert ask(server, "/hello") == (200, "hello")
    assert server.cloud.client("sts").get_caller_identity()["Account"] == server.cloud.account_id


def test_moto_reads_what_a_service_has_read(server):
    s3 = server.cloud.client("s3")
    s3.create_bucket(Bucket="read-twice")
    body = os.urandom(7_000_000)
    s3.put_object(Bucket="read-twice", Key="key", Body=body)
    assert s3.get_object(Bucket="read-twice", Key="key")["Body"].read() == body
    recorder = server.front.services[1]
    assert any(body in seen for seen in recorder.bodies)


def test_a_body_in_chunks_is_read_too(server):
    server.cloud.client("s3").create_bucket(Bucket="chunks")
    headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, x"}
    pieces = (b"piece" for _ in range(3))
    assert ask(server, "/chunks/key", "PUT", pieces, headers, encode_chunked=True)[0] == 200
    assert server.cloud.client("s3").get_object(Bucket="chunks", Key="key")["Body"].read() == b"piece" * 3


def test_a_bug_in_localcloud_is_a_500_without_a_traceback(server):
    status, body = ask(server, "/fail")
    assert status == 500
    assert "InternalFailure" in body
    assert "secret" not in body


def test_status_collects_what_services_say(server):
    assert '"bodies"' in ask(server, "/_localcloud/status")[1]


def test_a_client_can_act_as_a_role(server):
    arn = f"arn:aws:iam::{server.cloud.account_id}:role/worker"
    identity = server.cloud.client("sts", arn).get_caller_identity()["Arn"]
    assert identity == f"arn:aws:sts::{server.cloud.account_id}:assumed-role/worker/localcloud"
    assert server.cloud.client("sts", arn) is server.cloud.client("sts", arn)


def test_a_second_cloud_begins_empty_and_closing_closes_services():
    for _ in range(2):
        with Server(port=0, services=[Recorder]) as running:
            s3 = running.cloud.client("s3")
            assert s3.list_buckets()["Buckets"] == []
            s3.create_bucket(Bucket="only-here")
            recorder, folder = running.front.services[1], running.cloud.state_dir
            assert folder.is_dir()
        assert recorder.closed
        assert not folder.exists()


def test_a_taken_port_is_an_os_error(server):
    with pytest.raises(OSError, match="in use"):
        Server(port=server.cloud.port, services=[])


def test_the_real_account_stays_out_of_reach(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", "http://127.0.0.1:1")
    with Server(port=0, services=[]) as running, pytest.raises(ClientError, match="NoSuchEntity"):
        running.cloud.client("iam").get_role(RoleName="nobody")
