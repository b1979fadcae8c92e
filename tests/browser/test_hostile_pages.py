"""Web pages that try to command the cloud, in a real browser and under every name that may lead to it."""

from __future__ import annotations

import base64
import http.client
import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import boto3
import pytest
from chromium import REBOUND
from playwright.sync_api import BrowserContext, Page, expect

from localcloud.routing import destination_of
from localcloud.server import Server, default_services

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = """<!DOCTYPE html><title>hostile</title><body><script>
const credential = (service) => `test/20260101/us-east-1/${service}/aws4_request`;
const authorization = (service) => `AWS4-HMAC-SHA256 Credential=${credential(service)}, Signature=0`;

function call(action, version, service, parameters) {
  const query = {Action: action, Version: version, "X-Amz-Credential": credential(service), ...parameters};
  return new URLSearchParams(query);
}

function load(tag, attribute, url) {
  return new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = element.onerror = done;
    if (tag === "link") element.rel = "stylesheet";
    element[attribute] = url;
    document.body.append(element);
  });
}

function submit(url, enctype, fields) {
  return new Promise((done) => {
    const frame = document.createElement("iframe");
    const form = document.createElement("form");
    frame.name = form.target = `frame${document.forms.length}`;
    Object.assign(form, {action: url, method: "post", enctype});
    for (const [name, value] of fields) {
      const input = document.createElement("input");
      Object.assign(input, {name, value});
      form.append(input);
    }
    document.body.append(frame, form);
    form.submit();
    frame.onload = frame.onerror = done;
  });
}

function connect(kind, url) {
  return new Promise((done) => {
    const opened = new kind(url);
    opened.onopen = opened.onmessage = opened.onerror = opened.onclose = done;
  });
}

function ping(url) {
  const link = Object.assign(document.createElement("a"), {href: "#", ping: url});
  document.body.append(link);
  link.click();
}

async function attack(base, marker, api) {
  const TemplateBody = `Resources: !!python/object/apply:os.system ["touch ${marker}"]`;
  const stack = call("CreateStack", "2010-05-15", "cloudformation", {StackName: "hostile", TemplateBody});
  const user = call("CreateUser", "2010-05-08", "iam", {UserName: "hostile"});
  const attempts = [];
  for (const path of [`?${stack}`, `?${user}`, "moto-api/reset", "_localcloud/status"]) {
    const url = `${base}/${path}`;
    attempts.push(load("img", "src", url), load("script", "src", url), load("link", "href", url));
    attempts.push(load("iframe", "src", url), fetch(url), fetch(url, {mode: "no-cors"}));
    attempts.push(load("video", "src", url));
    attempts.push(connect(WebSocket, url.replace("http", "ws")), connect(EventSource, url));
    attempts.push(fetch(url, {mode: "no-cors", keepalive: true, referrerPolicy: "no-referrer"}));
    attempts.push(fetch(url, {mode: "no-cors", targetAddressSpace: "local"}));
    load("object", "data", url);  // may never tell that it has failed
    ping(url);
  }
  for (const body of [stack, user]) {
    attempts.push(fetch(base, {method: "POST", mode: "no-cors", body}));
    attempts.push(submit(base, "application/x-www-form-urlencoded", body));
    attempts.push(submit(base, "text/plain", body));
    attempts.push(submit(`${base}/hostile`, "multipart/form-data", body));
    attempts.push(submit(base, "text/plain", [['{"ExperimentName": "', 'hostile"}']]));
    navigator.sendBeacon(base, body);
  }
  const json = (service, target, body) =>
    fetch(base, {
      method: "POST",
      headers: {Authorization: authorization(service), ...(target && {"X-Amz-Target": target})},
      body,
    });
  attempts.push(json("cloudformation", "", stack), json("iam", "", user));
  attempts.push(json("sagemaker", "SageMaker.CreateExperiment", '{"ExperimentName": "hostile"}'));
  const rest = (method, path, service, body) =>
    fetch(base + path, {method, body, headers: service && {Authorization: authorization(service)}});
  attempts.push(rest("POST", "/moto-api/reset"), rest("PUT", "/hostile"), rest("PUT", "/hostile", "s3"));
  const stage = `/v2/apis/${api}/stages/$default`;
  attempts.push(rest("PATCH", stage, "apigateway", '{"description": "hostile"}'));
  attempts.push(rest("PATCH", stage, "", '{"description": "hostile"}'));
  attempts.push(rest("DELETE", `/v2/apis/${api}`, "apigateway"), rest("DELETE", "/kept/page.html", "s3"));
  await Promise.allSettled(attempts);
  document.title = "done";
}
</script>"""


class Spy:
    """Sees every request that the front door lets in."""

    def __init__(self, cloud):
        self.seen = []

    def handle(self, request):
        self.seen.append((destination_of(request).service, request.method, request.path))
        return None


@dataclass(frozen=True)
class Prey:
    """A cloud with something in it, and a web server of somebody else's."""

    server: Server
    site: int
    api: str

    @property
    def port(self) -> int:
        return self.server.cloud.port

    @property
    def seen(self) -> list[tuple[str, str, str]]:
        return self.server.front.services[1].seen


@pytest.fixture(scope="module")
def prey() -> Iterator[Prey]:
    """Under one name and port the site is at first itself, and then the cloud: as DNS rebinding has it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self):
            if self.command == "GET" and self.path == "/":
                return self.answer(200, HOSTILE.encode())
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            connection = http.client.HTTPConnection("127.0.0.1", server.cloud.port)
            connection.request(self.command, self.path, body, dict(self.headers))
            response = connection.getresponse()
            self.answer(response.status, response.read())

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with (
        Server(port=0, services=[Spy, *default_services()]) as server,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site,
    ):
        threading.Thread(target=site.serve_forever, daemon=True).start()
        s3, gateway = server.cloud.client("s3"), server.cloud.client("apigatewayv2")
        s3.create_bucket(Bucket="kept", ObjectOwnership="ObjectWriter")
        s3.delete_public_access_block(Bucket="kept")
        page = {"Body": HOSTILE.encode(), "ContentType": "text/html", "ACL": "public-read"}
        s3.put_object(Bucket="kept", Key="page.html", **page)
        s3.put_object(Bucket="kept", Key="picture", Body=PICTURE, ContentType="image/png")
        api = gateway.create_api(Name="kept", ProtocolType="HTTP")["ApiId"]
        gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True, Description="kept")
        yield Prey(server, site.server_port, api)
        site.shutdown()


def open_page(context: BrowserContext, address: str, prey: Prey) -> Page:
    page = context.new_page()
    page.goto(address.format(site=prey.site, cloud=prey.port))
    return page


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{site}/",
        "http://localhost:{site}/",
        "http://evil.localhost:{site}/",
        f"http://{REBOUND}:{{site}}/",
        "http://127.0.0.1:{cloud}/kept/page.html",
    ],
)
def test_no_page_can_command_the_cloud(prey, context, tmp_path, address):
    page = open_page(context, address, prey)
    marker = tmp_path / "ran"
    prey.seen.clear()
    names = ("127.0.0.1", "localhost", "evil.localhost", REBOUND, "0.0.0.0", "cloudformation.localhost")
    for base in (*(f"http://{name}:{prey.port}" for name in names), f"http://{REBOUND}:{prey.site}"):
        page.evaluate(
            "([base, marker, api]) => { document.title = ''; attack(base, marker, api) }",
            [base, str(marker), prey.api],
        )
        expect(page).to_have_title("done")
    assert prey.seen == []
    assert not marker.exists()
    client = prey.server.cloud.client
    assert client("cloudformation").list_stacks()["StackSummaries"] == []
    assert client("iam").list_users()["Users"] == []
    assert client("sagemaker").list_experiments()["ExperimentSummaries"] == []
    assert [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]] == ["kept"]
    assert client("s3").head_object(Bucket="kept", Key="page.html")["ContentLength"] == len(HOSTILE)
    stage = client("apigatewayv2").get_stage(ApiId=prey.api, StageName="$default")
    assert stage["Description"] == "kept"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", REBOUND])
def test_no_page_leads_the_person_to_a_command(prey, context, tmp_path, name):
    marker = tmp_path / "ran"
    page = open_page(context, f"http://{REBOUND}:{{site}}/", prey)
    prey.seen.clear()
    with page.expect_navigation():
        page.evaluate(
            """([base, marker]) => {
              const TemplateBody = `Resources: !!python/object/apply:os.system ["touch ${marker}"]`;
              const parameters = {StackName: "hostile", TemplateBody};
              location = `${base}/?${call("CreateStack", "2010-05-15", "cloudformation", parameters)}`;
            }""",
            [f"http://{name}:{prey.port}", str(marker)],
        )
    refusal = "answer to the name" if name == REBOUND else "not the cloud's control plane"
    expect(page.locator("body")).to_contain_text(refusal)
    assert prey.seen == []
    assert not marker.exists()


@pytest.mark.parametrize(("name", "width"), [("127.0.0.1", 1), ("evil.localhost", 0), (REBOUND, 0)])
def test_pages_of_this_machine_show_presigned_pictures_and_others_do_not(prey, context, name, width):
    s3 = boto3.client(
        "s3",
        endpoint_url=prey.server.cloud.url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    picture = s3.generate_presigned_url("get_object", {"Bucket": "kept", "Key": "picture"})
    page = open_page(context, f"http://{name}:{{site}}/", prey)
    page.evaluate("(url) => load('img', 'src', url)", picture)
    assert page.evaluate("document.images[0].naturalWidth") == width


@pytest.mark.parametrize("name", ["127.0.0.1", "evil.localhost", REBOUND])
def test_deployed_apis_answer_every_page(prey, context, name):
    """As on AWS, where they decide by CORS who may read the answers."""
    page = open_page(context, f"http://{name}:{{site}}/", prey)
    prey.seen.clear()
    path = f"/_aws/execute-api/{prey.api}/route"
    page.evaluate("(url) => fetch(url, {mode: 'no-cors'})", f"{prey.server.cloud.url}{path}")
    assert prey.seen == [("execute-api", "GET", path)]
