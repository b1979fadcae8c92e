"""Nobody but the cloud gets anything from its servers, whichever library they use."""

from __future__ import annotations

import os

import psutil
import pytest
from localcloud_codebuild_fixtures import DOCKERFILE, running

from localcloud.functions.runtime_api import RuntimeApi
from tests.strangers import listening, needs_root, open_to_others, told

# Python's other way to listen, in a process of its own, beside modules that the image itself has.
ASYNCIO = """
import asyncio, os, subprocess, sys

assert os.environ["PYTHONPATH"].endswith("/opt/modules"), os.environ["PYTHONPATH"]

async def answer(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\n{}")
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(answer, os.environ["ADDRESS"], 0)
    await server.serve_forever()

if "serve" in sys.argv:
    sys.exit(subprocess.run([sys.executable, __file__]).returncode)
asyncio.run(main())
"""


@pytest.fixture(scope="module")
def servers_of_other_tests() -> set[str]:
    """Where this process and those that it has started listen already."""
    return set(listening(psutil.Process(os.getpid())))


@pytest.fixture(scope="module")
def builder(servers_of_other_tests):
    with running() as made:
        yield made


@pytest.fixture(scope="module")
def endpoints(builder) -> list[str]:
    """Of a server of our own image by each way to listen, and of AWS's image."""
    dockerfile = DOCKERFILE.replace("GREETING=hello", "GREETING=hello PYTHONPATH=/opt/modules")
    sandbox, made = builder.sandbox, []
    for tag, changes in (("plain", {}), ("asyncio", {"image/server.py": ASYNCIO})):
        build = builder.build(tag, **{"image/Dockerfile": dockerfile, **changes})
        assert build["buildStatus"] == "SUCCEEDED", builder.log(build)
        made.append(builder.endpoint(f"{builder.uri}:{tag}"))
    made.append(sandbox.endpoint(sandbox.config(sandbox.model())))
    assert sandbox.settled(made[-1])["EndpointStatus"] == "InService"
    return made


def test_model_servers_answer_no_other_program_of_this_user(builder, endpoints, servers_of_other_tests):
    """A browser, say, which sends what a web page tells it to any server of this machine."""
    this = psutil.Process(os.getpid())
    own = {f"{one.laddr.ip}:{one.laddr.port}" for one in this.net_connections() if one.status == "LISTEN"}
    servers = listening(this).keys() - servers_of_other_tests - own
    assert len(servers) == len(endpoints)
    for _ in range(2):
        for endpoint in endpoints:
            assert builder.sandbox.invoke(endpoint, {"review": "good"})
        assert set(told(list(servers)).values()) == {""}


@needs_root
def test_no_server_of_a_cloud_tells_another_user_anything(builder, endpoints, servers_of_other_tests):
    api = RuntimeApi()
    try:
        this = psutil.Process(os.getpid())
        # The front door, three model servers, a function's Runtime API.
        assert len(listening(this).keys() - servers_of_other_tests) >= 5
        assert not open_to_others(this).keys() - servers_of_other_tests
    finally:
        api.close()
    assert builder.sandbox.invoke(endpoints[-1], {"review": "good"})
