"""Other sites may show the page in a frame only where the stack's FrameAncestors names them."""

from __future__ import annotations

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import expect

from tests.conftest import PROJECT

pytestmark = pytest.mark.slow

STACK = "framed"
ALLOW = """
from pipeline import stack
from pipeline.settings import Settings
from project.paths import PROJECT
settings = Settings(stack="framed", sam=str(PROJECT / ".venv-sam/bin/sam"))
stack.sam_deploy(settings, FrameAncestors="http://localhost:*,http://127.0.0.1:*")
"""


@pytest.fixture
def framing_site():
    """A function from an address to the address of a page, of another origin, that frames it."""
    framed = ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = f"<!doctype html><title>A notebook</title><iframe src='{framed}'></iframe>".encode()
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Nothing: pytest shows what matters."""

    def framing(address: str) -> str:
        nonlocal framed
        framed = address
        return f"http://127.0.0.1:{server.server_port}/"

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield framing
        server.shutdown()


@pytest.fixture
def allowing(cloud):
    """The address of a stack's page that allows notebooks on this machine to frame it."""
    command = [sys.executable, "-m", "localcloud", "run", "--port", str(cloud.port), "--"]
    subprocess.run([*command, sys.executable, "-c", ALLOW], cwd=PROJECT, check=True, timeout=300)
    stacks = cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    cloud.client("s3").put_object(
        Bucket=outputs["WebsiteBucketName"],
        Key="index.html",
        Body=(PROJECT / "website" / "index.html").read_bytes(),
        ContentType="text/html; charset=utf-8",
    )
    yield outputs["WebsiteUrl"]
    cloud.make("destroy", f"STACK={STACK}")


def test_a_notebook_may_frame_the_page_where_it_is_allowed_and_nowhere_else(
    deployment, allowing, framing_site, context
):
    page = context.new_page()
    page.goto(framing_site(allowing))
    expect(page.frame_locator("iframe").get_by_role("textbox")).to_be_visible()
    page.goto(framing_site(deployment.page))
    expect(page.frame_locator("iframe").get_by_role("textbox")).to_have_count(0)
    assert "chrome-error" in page.frames[1].url
