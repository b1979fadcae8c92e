"""Other users of the machine get nothing from any server of a cloud, whichever library it uses."""

from __future__ import annotations

import os

import psutil
import pytest
from localcloud_codebuild_fixtures import DOCKERFILE, running

from localcloud.functions.runtime_api import RuntimeApi
from tests.strangers import listening, needs_root, open_to_others

pytestmark = needs_root
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


def test_no_server_of_a_cloud_tells_another_user_anything(builder, servers_of_other_tests):
    dockerfile = DOCKERFILE.replace("GREETING=hello", "GREETING=hello PYTHONPATH=/opt/modules")
    for tag, changes in (("plain", {}), ("asyncio", {"image/server.py": ASYNCIO})):
        build = builder.build(tag, **{"image/Dockerfile": dockerfile, **changes})
        assert build["buildStatus"] == "SUCCEEDED", builder.log(build)
        builder.endpoint(f"{builder.uri}:{tag}")
    sandbox = builder.sandbox
    endpoint = sandbox.endpoint(sandbox.config(sandbox.model()))
    assert sandbox.settled(endpoint)["EndpointStatus"] == "InService"
    api = RuntimeApi()
    try:
        this = psutil.Process(os.getpid())
        # The front door, three model servers, a function's Runtime API.
        assert len(listening(this).keys() - servers_of_other_tests) >= 5
        assert not open_to_others(this).keys() - servers_of_other_tests
    finally:
        api.close()
    assert sandbox.invoke(endpoint, {"review": "good"})
