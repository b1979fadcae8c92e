"""What clients may send and how slowly, at localcloud's servers; small limits stand in for AWS's."""

import contextlib
import http.client
import resource
import socket
import threading
from http.server import ThreadingHTTPServer

import psutil
import pytest
import requests
import werkzeug

from localcloud import http_server, quotas
from localcloud.containers import bounded_http
from localcloud.containers.bounded_http import BoundedRequestHandler, RequestRefused
from localcloud.functions.runtime_api import PREFIX, Kind, RuntimeApi
from localcloud.server import Server

MIB = 1024 * 1024
FORM = "application/x-www-form-urlencoded"


def signed(service):
    """What has a request pass the gate: one that must not pass is refused before its body is read."""
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, x"}


S3, IAM = signed("s3"), signed("iam")
QUICK = 0.3


@pytest.fixture(scope="module")
def server():
    with Server(port=0) as running:
        yield running


@pytest.fixture
def hurried(monkeypatch):
    monkeypatch.setattr(bounded_http, "HEAD_SECONDS", QUICK)
    monkeypatch.setattr(bounded_http, "BODY_SECONDS", QUICK)
    monkeypatch.setattr(BoundedRequestHandler, "idle_seconds", QUICK)


def say(port, *pieces, close=False, wait=30):
    """Sends raw bytes and returns the raw answer, read until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
        return answer


def head(line="POST /x", **headers):
    """The head of a request that is the only one of its connection."""
    headers = {"Host": "localhost", "Connection": "close", **headers}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return "\r\n".join([f"{line} HTTP/1.1", *(f"{k}: {v}" for k, v in named.items()), "", ""]).encode()


def status(answer):
    return int(answer.split(b" ", 2)[1])


def test_a_chunked_body_that_breaks_off_is_refused_and_costs_no_memory(server):
    before = psutil.Process().memory_info().rss
    chunked = head(Content_Type=FORM, Transfer_Encoding="chunked", **IAM)
    too_long = say(server.cloud.port, chunked, b"FFFFFFFFFFFF\r\n", b"x", close=True)
    assert status(too_long) == 413
    assert b"<Code>EntityTooLarge</Code>" in too_long
    broken = say(server.cloud.port, chunked, b"FFFF\r\n", b"x", close=True)
    assert status(broken) == 400
    assert b"<Code>IncompleteBody</Code>" in broken
    assert psutil.Process().memory_info().rss - before < 50 * MIB


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"-5\r\nx", b"3\r\nabcd\r\n", b"5;" + b"e" * 5000, b"0\r\n" + b"t: x\r\n" * 10_000]
)
def test_malformed_chunks_are_refused(server, body):
    answer = say(server.cloud.port, head(Transfer_Encoding="chunked", **IAM), body, close=True)
    assert status(answer) in (400, 431)


@pytest.mark.parametrize(
    "lines",
    [
        {"Content_Length": "-1"},
        {"Content_Length": "1e3"},
        {"Content_Length": "5", "Transfer_Encoding": "chunked"},
        {"Transfer_Encoding": "gzip, chunked"},
    ],
)
def test_a_body_framed_in_no_clear_way_is_refused(server, lines):
    assert status(say(server.cloud.port, head(**lines), close=True)) == 400


def test_a_malformed_address_is_refused(server):
    assert status(say(server.cloud.port, head("GET http://[x/"), close=True)) == 400


@pytest.mark.parametrize(
    ("request_head", "refusal"),
    [
        (head("GET /" + "a" * 33_000), 414),
        (head("GET /" + "a" * 70_000), 414),
        (head(X_Long="a" * 40_000), 431),
        (head(**{f"x{number}": "a" * 1000 for number in range(40)}), 431),
    ],
)
def test_heads_have_limits(server, request_head, refusal):
    assert status(say(server.cloud.port, request_head)) == refusal


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_bodies_have_limits_however_they_are_sent(server, monkeypatch, framing):
    monkeypatch.setattr(quotas, "MAX_REQUEST_BYTES", MIB)
    content = b"x" * (MIB + 1)
    headers = {"X-Amz-Target": "SageMaker.ListModels", **signed("sagemaker")}
    body = content if framing == "length" else iter([content])
    answer = requests.post(f"{server.cloud.url}/", body, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["__type"] == "EntityTooLargeException"


@pytest.mark.parametrize(
    ("path", "code", "limit", "operation"),
    [
        ("2015-03-31/functions", "RequestEntityTooLarge", MIB, "CreateFunction"),
        ("2015-03-31/functions/f/code", "RequestEntityTooLarge", MIB, "UpdateFunctionCode"),
        ("2018-10-31/layers/l/versions", "RequestEntityTooLarge", MIB, "PublishLayerVersion"),
        ("2015-03-31/functions/f/invocations", "RequestTooLarge", 6 * MIB, "InvokeFunction"),
    ],
)
def test_lambda_says_which_operations_limit_a_request_exceeds(
    server, monkeypatch, path, code, limit, operation
):
    monkeypatch.setattr(quotas, "MAX_PAYLOAD_BYTES", MIB)
    call = requests.put if path.endswith("code") else requests.post
    answer = call(f"{server.cloud.url}/{path}", b"x" * (MIB + 1), headers=signed("lambda"))
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (413, f"{code}Exception")
    assert answer.json()["message"] == (
        f"Request must be smaller than {limit} bytes for the {operation} operation"
    )


def test_forms_have_a_limit_of_their_own(server):
    headers = {"Content-Type": FORM, **IAM}
    small = requests.post(f"{server.cloud.url}/", "Action=Nothing&x=" + "y" * (MIB - 100), headers=headers)
    assert small.status_code != 413
    large = requests.post(f"{server.cloud.url}/", "Action=Nothing&x=" + "y" * MIB, headers=headers)
    assert large.status_code == 413
    assert "<Code>EntityTooLarge</Code>" in large.text


def test_without_a_length_there_is_no_body(serve):
    bodies = []

    def application(environ, start_response):
        http_server.receive(environ, 10)
        bodies.append(environ["wsgi.input"].read())
        return werkzeug.Response("hello")(environ, start_response)

    assert status(say(serve(application), head("POST /"), b"GET / HTTP/1.1\r\n\r\n")) == 200
    assert bodies == [b""]


def test_a_body_that_does_not_fit_on_the_disk_is_answered_with_507(server):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, before[1]))
    try:
        answer = requests.put(f"{server.cloud.url}/bucket/key", b"x" * 3 * MIB, headers=S3)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert answer.status_code == 507
    assert "<Code>InsufficientStorage</Code>" in answer.text


def test_a_client_that_expects_100_continue_is_answered_before_it_sends(server):
    asking = head("PUT /bucket/key", Content_Length=str(10**13), Expect="100-continue", **S3)
    assert status(say(server.cloud.port, asking)) == 413
    small = head("PUT /no-such-bucket/key", Content_Length="1", Expect="100-continue", **S3)
    assert say(server.cloud.port, small, b"x").startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404")


def test_objects_of_hundreds_of_megabytes_go_into_s3(server, tmp_path):
    s3 = server.cloud.client("s3")
    s3.create_bucket(Bucket="large")
    model = tmp_path / "model.tar.gz"
    with model.open("wb") as file:
        file.truncate(200 * MIB)
    with model.open("rb") as file:
        s3.put_object(Bucket="large", Key="model", Body=file)
    assert s3.head_object(Bucket="large", Key="model")["ContentLength"] == 200 * MIB
    s3.delete_object(Bucket="large", Key="model")


@pytest.mark.parametrize(
    "pieces",
    [
        [],
        [b"POST /x HT"],
        [b"POST /x HTTP/1.1\r\nHost: localhost\r\n"],
        [head(Content_Length="100", **IAM), b"x"],
        [head(Transfer_Encoding="chunked", **IAM), b"5\r\nab"],
    ],
)
def test_slow_senders_are_not_waited_for(server, hurried, pieces):
    answer = say(server.cloud.port, *pieces)
    assert not answer or status(answer) == 408


def test_bytes_that_keep_coming_are_waited_for(server, monkeypatch):
    monkeypatch.setattr(bounded_http, "MIN_BYTES_PER_SECOND", 0.01)
    monkeypatch.setattr(bounded_http, "BODY_SECONDS", 2.0)
    server.cloud.client("s3").create_bucket(Bucket="patient")
    with socket.create_connection(("127.0.0.1", server.cloud.port), timeout=30) as connection:
        connection.sendall(head("PUT /patient/key", Content_Length="2", Expect="100-continue", **S3))
        assert status(connection.recv(65536)) == 100
        connection.sendall(b"a")
        threading.Event().wait(2.2)
        connection.sendall(b"b")
        assert status(connection.recv(65536)) == 200


def test_slow_senders_do_not_delay_others(server):
    slow = [socket.create_connection(("127.0.0.1", server.cloud.port)) for _ in range(64)]
    try:
        for connection in slow:
            connection.sendall(head(Content_Type=FORM, Content_Length="100", **IAM) + b"x")
        assert server.cloud.client("sts").get_caller_identity()["Account"] == server.cloud.account_id
    finally:
        for connection in slow:
            connection.close()


def test_connections_beyond_the_limit_are_turned_away(serve, monkeypatch):
    monkeypatch.setattr(http_server, "MAX_CONNECTIONS", 2)
    answered, go_on = threading.Semaphore(0), threading.Event()

    def application(environ, start_response):
        answered.release()
        go_on.wait()
        return werkzeug.Response("hello")(environ, start_response)

    port = serve(application)
    held = [threading.Thread(target=say, args=(port, head("GET /"))) for _ in range(2)]
    for client in held:
        client.start()
    for _ in held:
        answered.acquire()
    assert status(say(port)) == 503
    go_on.set()
    for client in held:
        client.join()
    while status(say(port, head("GET /"))) != 200:  # until the server has seen that they are gone
        threading.Event().wait(0.05)


@pytest.mark.parametrize("headers", [{"X-Name": "\u2014"}, {"X-Name": "a\x00b"}])
def test_an_answer_that_cannot_be_written_is_an_error(serve, headers):
    assert status(say(serve(werkzeug.Response("hello", headers=headers)), head("GET /"))) == 500


def test_an_answer_without_a_final_status_is_an_error(serve):
    assert status(say(serve(werkzeug.Response(status=100)), head("GET /"))) == 500


def test_an_answer_that_breaks_off_is_no_complete_one(serve):
    def pieces():
        yield b"half"
        raise KeyError("the other half")

    port = serve(werkzeug.Response(pieces()))
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(f"http://127.0.0.1:{port}/")


def test_an_answer_reaches_a_client_that_still_sends(serve):
    port = serve(werkzeug.Response("enough", status=413))
    answer = requests.post(f"http://127.0.0.1:{port}/", b"x" * 20 * MIB)
    assert (answer.status_code, answer.text) == (413, "enough")


@pytest.fixture
def runtime():
    api = RuntimeApi()
    yield api
    api.close()


def test_a_runtime_cannot_send_more_than_lambda_takes(runtime):
    port = int(runtime.address.rpartition(":")[2])
    line, host = f"POST {PREFIX}invocation/1/response", {"Host": runtime.address}
    for framing in ({"Content_Length": str(10**12)}, {"Transfer_Encoding": "chunked"}):
        answer = say(port, head(line, **host, **framing), b"FFFFFFFFFFF\r\nx", close=True)
        assert status(answer) == 413
        report = runtime.reports.get(timeout=10)
        assert (report.kind, report.request_id) == (Kind.TOO_LARGE, "1")
    assert status(say(port, head(line, **host, Content_Length="-1"), close=True)) == 400
    assert status(say(port, head(line, **host, Content_Length="5"), b"x", close=True)) == 400
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", f"{PREFIX}invocation/2/response", iter([b"[1,", b"2]"]), encode_chunked=True)
    assert connection.getresponse().status == 202
    assert runtime.reports.get(timeout=10).body == b"[1,2]"


def test_a_small_server_reads_a_body_within_its_limit():
    class Echo(BoundedRequestHandler):
        def do_POST(self):
            try:
                content = self.body().receive(10).read()
            except RequestRefused as refused:
                self.send_error(refused.status)
                return self.linger()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as http_echo:
        threading.Thread(target=http_echo.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{http_echo.server_port}/"
        with requests.Session() as session:
            assert [session.post(url, b"x" * size).status_code for size in (0, 10, 11)] == [200, 200, 413]
        http_echo.shutdown()


def test_a_browser_uploads_by_a_form(server):
    s3 = server.cloud.client("s3")
    s3.create_bucket(Bucket="forms")
    form = s3.generate_presigned_post("forms", "greeting.txt")
    answer = requests.post(form["url"], form["fields"], files={"file": ("any.txt", b"hello")}, timeout=30)
    assert answer.status_code == 204
    assert s3.get_object(Bucket="forms", Key="greeting.txt")["Body"].read() == b"hello"


def test_a_header_that_http_cannot_carry_is_refused_by_s3(server):
    s3 = server.cloud.client("s3")
    s3.create_bucket(Bucket="dashes")
    s3.put_object(Bucket="dashes", Key="key", Body=b"x")
    for value in ('attachment; filename="a\u2014b"', "a\0b", "a\r\nX-Of-Its-Own: b"):
        with pytest.raises(s3.exceptions.ClientError) as refused:
            s3.get_object(Bucket="dashes", Key="key", ResponseContentDisposition=value)
        assert refused.value.response["Error"]["Code"] == "InvalidArgument"
    plain = s3.get_object(Bucket="dashes", Key="key", ResponseContentDisposition="attachment")
    assert plain["ContentDisposition"] == "attachment"
