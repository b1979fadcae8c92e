"""Who gets through the front door: no web page, no foreign host name, no other user of this machine."""

import functools
import http.client
import json
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import boto3
import botocore.session
import pytest
import requests
import werkzeug
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import trust as trusting
from werkzeug.test import EnvironBuilder

from localcloud import peers
from localcloud.functions.runtime_api import RuntimeApi
from localcloud.peers import peer_uid
from localcloud.routing import APIS, destination_of
from localcloud.server import Server, default_services

RUN = "Resources: !!python/object/apply:os.system ['touch {}']"
SERVICES = (
    *("apigateway", "apigatewayv2", "cloudformation", "cloudfront", "cloudwatch", "codebuild"),
    *("dynamodb", "ecr", "iam"),
    *("kms", "lambda", "logs", "s3", "sagemaker", "sagemaker-a2i-runtime", "sagemaker-edge"),
    *("sagemaker-featurestore-runtime", "sagemaker-metrics", "sagemaker-runtime"),
    *("secretsmanager", "sns", "sqs", "ssm", "sts"),
)
"""botocore's names for what carries a signing name of APIS."""
ORIGIN = {"Origin": "https://elsewhere.example"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
SAME_SITE = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}
FOREIGN_HOST = {"Host": "rebound.example:4566"}
HOSTILE = (
    *(ORIGIN, CROSS_SITE, SAME_SITE, FOREIGN_HOST),
    {"Origin": "http://127.0.0.1:4566"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
    {"Host": "0.0.0.0:4566"},  # to which browsers send no Sec-Fetch-Site
    {"Host": "localhost.localstack.cloud:4566"},  # as to every name that is not of localhost
)


class Spy:
    """Sees every request that the gate lets pass."""

    def __init__(self, cloud):
        self.seen = []

    def handle(self, request):
        self.seen.append(f"{request.method} {request.full_path}")
        return None


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(port=0, services=[Spy, *default_services()]) as running:
        yield running


@pytest.fixture
def spy(server) -> Spy:
    spy = server.front.services[1]
    spy.seen.clear()
    return spy


@dataclass(frozen=True)
class Route:
    """A request as an SDK would make it, with nothing in it."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.headers} {self.body!r}"


def signed(service: str) -> dict[str, str]:
    credential = f"Credential=test/20260101/us-east-1/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}


def routes_of(model: botocore.model.ServiceModel) -> Iterator[Route]:
    """Every operation of a service in every protocol that it has."""
    authorization = signed(model.signing_name)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for name in model.operation_names:
        http_trait = model.operation_model(name).http
        path = "".join(
            "x" if index % 2 else part
            for index, part in enumerate(http_trait["requestUri"].replace("}", "{").split("{"))
        )
        call = urlencode({"Action": name, "Version": model.api_version})
        for protocol in model.metadata.get("protocols") or [model.protocol]:
            match protocol:
                case "json":
                    target = {"X-Amz-Target": f"{model.metadata['targetPrefix']}.{name}"}
                    yield Route("POST", "/", authorization | target, b"{}")
                case "query":
                    yield Route("POST", "/", authorization | form, call.encode())
                    yield Route("GET", f"/?{call}", authorization)
                    credential = quote(f"test/20260101/us-east-1/{model.signing_name}/aws4_request", safe="")
                    yield Route("GET", f"/?{call}&X-Amz-Credential={credential}")
                case "smithy-rpc-v2-cbor":
                    path = f"/service/{model.metadata['targetPrefix']}/operation/{name}"
                    yield Route("POST", path, authorization | {"smithy-protocol": "rpc-v2-cbor"})
                case _:
                    yield Route(http_trait["method"], path, authorization)


@functools.cache
def every_route() -> list[Route]:
    session = botocore.session.get_session()
    models = [session.get_service_model(name) for name in SERVICES]
    assert {model.signing_name for model in models} == set(APIS)
    routes = [route for model in models for route in routes_of(model)]
    routes += [Route("GET", f"/_localcloud/{path}") for path in ("health", "status", "anything")]
    for path in ("moto-api/reset", "moto-api/recorder/replay-recording", "latest/meta-data/iam/"):
        routes += [Route(method, f"/{path}", signed("s3")) for method in ("GET", "POST")]
    return [*routes, Route("GET", "/"), Route("POST", "/"), Route("PUT", "/bucket")]


@pytest.fixture(scope="module")
def refused(server) -> Iterator[Callable[[Route, dict[str, str]], bool]]:
    """Whether a request is refused for where it comes from; asked without a server's 10 ms a connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as connection,
    ):

        def is_refused(route: Route, headers: dict[str, str]) -> bool:
            headers = {"Host": f"127.0.0.1:{server.cloud.port}"} | route.headers | headers
            builder = EnvironBuilder(route.path, method=route.method, headers=headers, data=route.body)
            builder.environ_base = {"werkzeug.socket": connection}
            answer = werkzeug.Response.from_app(server.front, builder.get_environ())
            said = answer.get_data().decode("latin-1")
            told = "answer to the name" in said or "control plane" in said or route.method == "HEAD"
            return answer.status_code == 403 and told

        yield is_refused


@pytest.mark.parametrize("headers", [ORIGIN, CROSS_SITE, SAME_SITE, FOREIGN_HOST], ids=str)
def test_every_route_of_every_service_is_refused_to_pages_and_under_other_names(refused, spy, headers):
    routes = every_route()
    assert len(routes) > 2000
    assert [str(route) for route in routes if not refused(route, headers)] == []
    assert spy.seen == []


@pytest.mark.parametrize("headers", HOSTILE, ids=str)
def test_every_sign_of_a_web_page_is_refused(refused, spy, headers):
    stage = Route("PATCH", "/v2/apis/a1/stages/$default", signed("apigateway"), b"{}")
    job = Route("POST", "/", signed("sagemaker") | {"X-Amz-Target": "SageMaker.CreateTrainingJob"})
    stack = Route("GET", "/?Action=CreateStack&Version=2010-05-15", signed("cloudformation"))
    status = Route("GET", "/_localcloud/status")
    assert all(refused(route, headers) for route in (stage, job, stack, status))
    assert spy.seen == []


def ask(server, method, path, headers=None, body=None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.cloud.port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("latin-1")
    finally:
        connection.close()


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "localhost", "any.localhost", "cloudformation.us-east-1.amazonaws.com"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"])
def test_motos_cloudformation_is_never_asked(server, tmp_path, method, name):
    marker = tmp_path / "ran"
    call = {
        "Action": "CreateStack",
        "Version": "2010-05-15",
        "StackName": "x",
        "TemplateBody": RUN.format(marker),
    }
    forms = (
        (f"/?{urlencode(call)}", {}, None),
        ("/", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(call)),
        ("/", {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(call | {"Version": "1"})),
        ("/", {"X-Amz-Target": "CloudFormation.CreateStack"}, json.dumps(call)),
        ("/service/CloudFormation/operation/CreateStack", {"smithy-protocol": "rpc-v2-cbor"}, b"\xa0"),
        (f"/cloudformation_us-east-1/?{urlencode(call)}", {}, None),
    )
    for path, headers, body in forms:
        for authorization in (signed("cloudformation"), signed("CloudFormation"), {}):
            status, _ = ask(server, method, path, {"Host": name} | headers | authorization, body)
            assert 400 <= status < 500
    assert not marker.exists()


@pytest.mark.parametrize("service", ["s3", "iam", "cloudformation", "moto_api", "instance_metadata"])
def test_motos_own_administration_is_out_of_reach(server, service):
    s3 = server.cloud.client("s3")
    s3.create_bucket(Bucket="kept")
    for path in ("/moto-api/reset", "/moto-api/", "/moto-api/recorder/start-recording"):
        for headers in (signed(service), {}):
            status, body = ask(server, "POST", path, headers)
            assert status >= 400
            assert "Moto" not in body
    assert "kept" in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("events", "list_rules", {}),
        ("ec2", "describe_vpcs", {}),
        ("batch", "describe_job_queues", {}),
        ("route53", "list_hosted_zones", {}),
        ("servicecatalog", "list_portfolios", {}),
        ("cloudfront", "list_public_keys", {}),
        ("cloudformation", "list_stack_sets", {}),
        ("lambda", "list_layers", {}),
        ("sagemaker", "list_hubs", {}),
        (
            "sagemaker-featurestore-runtime",
            "get_record",
            {"FeatureGroupName": "a", "RecordIdentifierValueAsString": "b"},
        ),
    ],
)
def test_what_nobody_has_reviewed_is_refused_by_name(server, service, operation, parameters):
    with pytest.raises(ClientError) as refused:
        getattr(server.cloud.client(service), operation)(**parameters)
    error = refused.value.response["Error"]
    assert "localcloud" in error["Message"]
    assert any(word in error["Code"] for word in ("Unsupported", "NotImplemented"))


def test_s3_control_is_not_taken_for_a_bucket(server):
    headers = signed("s3") | {"x-amz-account-id": server.cloud.account_id}
    assert "the s3control operation ListJobs" in ask(server, "GET", "/v20180820/jobs", headers)[1]


def client(server, service, **settings):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    return boto3.client(service, **({"endpoint_url": server.cloud.url} | keys | settings))


def test_the_names_that_clients_use_are_answered(server):
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="by-name", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="by-name")
    s3.put_object(Bucket="by-name", Key="k", Body=b"v", ACL="public-read")
    assert s3.get_object(Bucket="by-name", Key="k")["Body"].read() == b"v"
    for host in (
        "127.0.0.1",
        "LOCALHOST",
        "localhost.:80",
        "s3.amazonaws.com",
        "s3.us-east-1.amazonaws.com",
        "s3.dualstack.eu-west-1.amazonaws.com",
    ):
        assert ask(server, "GET", "/by-name/k", {"Host": host}) == (200, "v"), host
    for host in ("by-name.s3.us-east-1.amazonaws.com", "by-name.localhost"):
        assert ask(server, "GET", "/k", {"Host": host}) == (200, "v"), host
    for host in (
        "localhost.evil.example",
        "evil-localhost",
        "s3.amazonaws.com.evil.example",
        "s3-evil.us-east-1.elb.amazonaws.com",
        "ec2-1-2-3-4.compute-1.amazonaws.com",
        "127.0.0.1.nip.io",
        "[::ffff:127.0.0.1]",
        "192.168.0.1",
        "127.0.0.1,evil.example",
        "",
    ):
        status, said = ask(server, "GET", "/by-name/k", {"Host": host})
        assert status == 403, host
        assert "--allow-host" in said


def test_further_names_can_be_allowed():
    with Server(port=0, services=[], allowed_hosts=["Cloud.test", "*.below.test"]) as running:
        for host in ("cloud.test", "a.below.test", "a.b.below.test:1"):
            assert ask(running, "GET", "/_localcloud/health", {"Host": host})[0] == 200
        for host in ("a.cloud.test", "below.test", "elsewhere.test"):
            assert ask(running, "GET", "/_localcloud/health", {"Host": host})[0] == 403


def test_signatures_in_urls_are_for_objects_and_identities(server):
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="presigned")
    upload = s3.generate_presigned_url("put_object", {"Bucket": "presigned", "Key": "k"})
    assert requests.put(upload, data=b"v", timeout=10).status_code == 200
    url = s3.generate_presigned_url("get_object", {"Bucket": "presigned", "Key": "k"})
    assert requests.get(url, timeout=10).content == b"v"
    identity = client(server, "sts").generate_presigned_url("get_caller_identity")
    assert requests.get(identity, timeout=10).status_code == 200
    table = client(server, "iam").generate_presigned_url("list_users")
    assert requests.get(table, timeout=10).status_code == 403
    post = s3.generate_presigned_post("presigned", "form")
    assert requests.post(post["url"], post["fields"], files={"file": b"x"}, timeout=10).status_code < 500


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 200),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:4567"}, 403),
    ],
)
def test_browsers_show_presigned_objects_to_people_and_to_pages_of_this_machine(server, headers, status):
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="shown")
    s3.put_object(Bucket="shown", Key="picture", Body=b"x")
    read = s3.generate_presigned_url("get_object", {"Bucket": "shown", "Key": "picture"})
    assert requests.get(read, headers=headers, timeout=10).status_code == status
    delete = s3.generate_presigned_url("delete_object", {"Bucket": "shown", "Key": "picture"})
    typed_in = headers["Sec-Fetch-Site"] == "none"
    assert typed_in or requests.delete(delete, headers=headers, timeout=10).status_code == 403
    acl = s3.generate_presigned_url("get_object_acl", {"Bucket": "shown", "Key": "picture"})
    assert typed_in or requests.get(acl, headers=headers, timeout=10).status_code == 403


@pytest.mark.parametrize("headers", [ORIGIN, CROSS_SITE, SAME_SITE], ids=str)
def test_websites_and_apis_answer_the_pages_that_lead_to_them(server, headers):
    """Under names of this machine: a foreign one would make a page of theirs one of the foreign site."""
    s3 = client(server, "s3")
    s3.create_bucket(Bucket="site", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="site")
    s3.put_object(Bucket="site", Key="index.html", Body=b"hello", ACL="public-read")
    s3.put_bucket_website(Bucket="site", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    assert ask(server, "GET", "/", {"Host": "site.s3-website.localhost"} | headers) == (200, "hello")
    assert ask(server, "GET", "/", {"Host": "site.s3-website.evil.example"} | headers)[0] == 403
    status, said = ask(server, "GET", "/_aws/execute-api/nothing1/", headers)
    assert (status, "control plane" in said) == (404, False)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS test:signature", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 Credential=test, SignedHeaders=host, Signature=x", "AuthorizationHeaderMalformed"),
        ("Bearer token", "InvalidArgument"),
    ],
)
def test_a_signature_that_s3_cannot_read_is_not_taken_for_none(server, authorization, code):
    s3 = server.cloud.client("s3")
    s3.create_bucket(Bucket="for-all")
    s3.delete_public_access_block(Bucket="for-all")
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::for-all/*",
    }
    s3.put_bucket_policy(
        Bucket="for-all", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    s3.put_object(Bucket="for-all", Key="it", Body=b"public")
    url = f"{server.cloud.url}/for-all/it"
    assert requests.get(url, timeout=30).content == b"public"
    refused = requests.get(url, headers={"Authorization": authorization}, timeout=30)
    assert (refused.status_code, f"<Code>{code}</Code>" in refused.text) == (400, True)


def test_unsigned_requests_create_nothing(server):
    for method, path in (("PUT", "/made-by-nobody"), ("GET", "/"), ("POST", "/2015-03-31/functions")):
        status, said = ask(server, method, path)
        assert (status, "localcloud env" in said) == (403, True)
    names = [bucket["Name"] for bucket in server.cloud.client("s3").list_buckets()["Buckets"]]
    assert "made-by-nobody" not in names


# Other users of the machine


def test_the_kernel_reports_who_connects():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connecting = socket.create_connection(listening.getsockname())
        with listening.accept()[0] as accepted:
            assert peer_uid(accepted) == os.getuid()
            connecting.close()
            assert peer_uid(accepted) is None  # root's, to believe /proc/net/tcp


def test_a_kernel_that_does_not_answer_is_not_waited_for(monkeypatch):
    silent, _other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    monkeypatch.setattr(peers, "ANSWER_SECONDS", 0.01)
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as connecting,
    ):
        monkeypatch.setattr(peers.socket, "socket", lambda *_: silent)
        with pytest.raises(TimeoutError):
            peer_uid(connecting)


STRANGER = """
import socket, sys
for path in sys.argv[2:]:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n".encode())
        print(*connection.recv(100).decode().split()[1:2])
"""


def as_another_user(port: int, *paths: str) -> list[str]:
    """The statuses that a stranger gets; nothing for a connection that is closed at once."""
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", STRANGER, str(port), *paths],
        capture_output=True,
        text=True,
        check=True,
        user=65534,
        group=65534,
        cwd="/",
    )
    return done.stdout.split()


needs_root = pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: only root can act as another user")


@needs_root
def test_another_user_of_this_machine_is_refused(server, spy):
    paths = ("/_localcloud/health", "/_localcloud/status", "/_aws/execute-api/a1/", "/bucket/key")
    assert as_another_user(server.cloud.port, *paths) == ["200", "403", "403", "403"]
    assert spy.seen == []


NEXT_EVENT = "/2018-06-01/runtime/invocation/next"


@needs_root
def test_another_user_gets_no_event_of_a_function():
    api = RuntimeApi()
    try:
        assert as_another_user(int(api.address.partition(":")[2]), NEXT_EVENT) == []
    finally:
        api.close()
    assert api.reports.empty()


def test_no_page_gets_an_event_of_a_function():
    api = RuntimeApi()
    try:
        for headers in (ORIGIN, CROSS_SITE, SAME_SITE, FOREIGN_HOST):
            assert (
                requests.get(f"http://{api.address}{NEXT_EVENT}", headers=headers, timeout=10).status_code
                == 403
            )
        assert api.reports.empty()
    finally:
        api.close()


# Other machines


def test_other_machines_need_a_token():
    with Server(port=0, host="0.0.0.0", token=True) as running:
        cloud = running.cloud
        assert cloud.url == f"http://127.0.0.1:{cloud.port}"
        cloud.client("s3").create_bucket(Bucket="mine")
        with pytest.raises(ClientError, match="token"):
            client(running, "s3").list_buckets()
        owner = client(running, "s3", aws_access_key_id=cloud.access_key)
        assert [bucket["Name"] for bucket in owner.list_buckets()["Buckets"]] == ["mine"]
        trust = trusting({"Service": "lambda.amazonaws.com"})
        role = cloud.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        assert "assumed-role/r" in cloud.client("sts", role).get_caller_identity()["Arn"]
        with pytest.raises(ClientError, match="token"):
            keys = dict(
                zip(("aws_access_key_id", "aws_secret_access_key"), cloud.credentials(role), strict=False)
            )
            client(running, "sts", **keys, aws_session_token="guessed").get_caller_identity()
        assert ask(running, "GET", "/_localcloud/status")[0] == 403
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        assert ask(running, "POST", "/mine", form, b"--x--")[0] == 403
        assert ask(running, "GET", "/_aws/execute-api/nothing1/", {"Host": "192.168.0.1"})[0] == 404


def test_destinations_are_distinguished():
    def service(path: str, headers: dict[str, str]) -> str:
        return destination_of(werkzeug.Request(EnvironBuilder(path, headers=headers).get_environ())).service

    assert service("/_aws/execute-api/a1/x", signed("iam")) == "execute-api"
    assert service("/_aws/execute-api/A%2F", signed("iam")) == "iam"
    assert service("/v2/apis/a1", {"Host": "A1.Execute-API.localhost"}) == "execute-api"
    assert service("/_aws/execute-api/a1/x", {"Host": "bucket.s3-website.localhost"}) == "s3-website"
    assert service("/v2/apis/a1/stages/$default", signed("apigateway")) == "apigateway"
    assert service("/_localcloud/status", {}) == "localcloud"
    assert service("/x", {}) == "s3"
