"""The model folder in Ray Serve, as AWS's Ray container runs it, beside the two other containers.

The genuine Ray Serve of requirements/ray.lock runs a cluster of two nodes. What stands in for AWS's part are
the adapter and the steps of localcloud/containers/ray_serve.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from localcloud_sagemaker_fixtures import Sandbox, sandbox, wait
from test_slim_container import GOOD, JSON, REQUESTS, Served, base, packages, running, slim, toolkit  # noqa: F401

from localcloud.sagemaker.container import RUNNERS
from pipeline.containers import HOSTING
from tests.conftest import PROJECT
from tests.strangers import needs_root, open_to_others, told

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
# AWS's adapter takes a request without a content type for JSON.
TYPED = [request for request in REQUESTS if request[1] is not None]


@pytest.fixture(scope="session")
def ray_python() -> Path:
    """The interpreter of the environment with the genuine Ray, made anew when its lock changes."""
    folder = Path(os.environ.get("RAY_VENV", PROJECT / ".venv-ray"))
    install = [sys.executable, PROJECT / "requirements" / "install.py", "ray", "--folder", folder]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "bin" / "python"


@pytest.fixture(scope="module")
def ray(ray_python, base) -> Iterator[Served]:  # noqa: F811
    command = f'exec "{ray_python}" "{HERE / "ray_cluster.py"}" > log 2>&1'
    own = {"RUNNERS": str(RUNNERS), "HOME": str(base), "KILLED": str(base / "killed")}
    with running(["sh", "-c", command], base, **own) as served:
        assert served.comes_up(600), (base / "log").read_text()
        yield served
        assert served.process.poll() is None, (base / "log").read_text()


@pytest.fixture(scope="module", params=["slim", "toolkit"])
def other(request) -> Served:
    """The two other containers."""
    return request.getfixturevalue(request.param)


def seen_by_client(answer):
    """An answer as a client of SageMaker sees it: of errors the status and the message.

    The adapter adds the charset of text/csv.
    """
    kind = (answer.content_type or "").partition(";")[0] if answer.status < 400 else None
    return answer.status, kind, answer.body


@pytest.mark.parametrize("request_", TYPED, ids=[f"{n}" for n in range(len(TYPED))])
def test_texts_batches_errors_and_limits_are_answered_alike(ray, other, request_):
    assert seen_by_client(ray.invoke(*request_)) == seen_by_client(other.invoke(*request_))


def test_a_request_without_a_type_is_taken_for_json(ray):
    answer = ray.invoke(b"x", None)
    assert (answer.status, answer.body) == (400, b"the body is not valid JSON")


def test_a_body_of_more_than_batch_transform_sends_is_refused_alike(ray, slim):  # noqa: F811
    too_long = bytes(100 * 1024 * 1024 + 1)
    assert seen_by_client(ray.invoke(too_long, "text/plain")) == seen_by_client(
        slim.invoke(too_long, "text/plain")
    )


def test_replicas_killed_under_load_lose_and_mix_up_no_answer(ray, base):  # noqa: F811
    texts = [f"{GOOD} {number}" for number in range(12)]
    alone = [ray.invoke(text.encode(), "text/plain") for text in texts]
    assert len({answer.body for answer in alone}) == len(texts)
    enough, wrong, counts = threading.Event(), [], [0] * len(texts)
    report = base / "killed"

    def ask(number: int) -> None:
        while not enough.is_set():
            answer = ray.invoke(texts[number].encode(), "text/plain")
            counts[number] += 1
            if answer != alone[number]:
                wrong.append(answer)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(len(texts))]
    for thread in threads:
        thread.start()
    try:
        for killed in (1, 2):
            answered(counts, 50, wrong)
            ray.process.stdin.write(b"\n")
            ray.process.stdin.flush()
            while not report.exists() or len(report.read_text().splitlines()) < killed:
                time.sleep(0.05)
        answered(counts, 200, wrong)
    finally:
        enough.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert report.read_text().splitlines()[0] == "1 of 2 on 2 nodes"


def answered(counts: list[int], more: int, wrong: list) -> None:
    """Wait until so many more answers have come, or a wrong one."""
    enough = sum(counts) + more
    while sum(counts) < enough and not wrong:
        time.sleep(0.05)


@pytest.fixture(scope="module")
def endpoint_of_ray(ray_python, base, tmp_path_factory) -> Iterator[tuple[Sandbox, str]]:  # noqa: F811
    """An endpoint in service with AWS's image, and the cloud that it is in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOCALCLOUD_RAY_PYTHON", str(ray_python))
        with sandbox() as cloud:
            file = tmp_path_factory.mktemp("archive") / "model.tar.gz"
            with tarfile.open(file, "w:gz") as archive:
                archive.add(base / "model", ".")
            container = {
                "Image": f"763104351884.dkr.ecr.us-east-1.amazonaws.com/{HOSTING['ray'].name('ml.m5.large')}",
                "ModelDataUrl": cloud.put("models/ray/model.tar.gz", file.read_bytes()),
            }
            cloud.sagemaker.create_model(
                ModelName="ray", ExecutionRoleArn=cloud.role, PrimaryContainer=container
            )
            config = cloud.config("ray", InitialInstanceCount=1, InstanceType="ml.m5.large")
            endpoint = cloud.endpoint(config)
            described = wait(
                lambda: cloud.sagemaker.describe_endpoint(EndpointName=endpoint),
                lambda it: it["EndpointStatus"] != "Creating",
                600,
            )
            assert described["EndpointStatus"] == "InService", described.get("FailureReason")
            yield cloud, endpoint


def test_an_endpoint_with_awss_image_answers_as_one_with_our_own(endpoint_of_ray, slim):  # noqa: F811
    cloud, endpoint = endpoint_of_ray
    expected = slim.invoke(b'{"review": "%s"}' % GOOD.encode(), JSON).body
    assert cloud.invoke(endpoint, {"review": GOOD}) == expected


def test_the_containers_server_answers_nobody_but_the_cloud(endpoint_of_ray):
    cloud, endpoint = endpoint_of_ray
    assert cloud.invoke(endpoint, {"review": GOOD})
    port = Path(container_of_ray().environ()["LOCALCLOUD_PORT_FILE"]).read_text()
    assert set(told([f"127.0.0.1:{port}"]).values()) == {""}


def container_of_ray() -> psutil.Process:
    """The first process in the endpoint's container."""
    script = str(RUNNERS / "ray_serve.py")
    return next(each for each in psutil.Process().children(recursive=True) if script in each.cmdline())


# Of each of Ray's services one method.
WITHOUT_TOKEN = """
import sys, grpc

METHODS = (
    "ray.rpc.NodeInfoGcsService/GetAllNodeInfo", "ray.rpc.NodeManagerService/GetNodeStats",
    "ray.rpc.CoreWorkerService/PushTask", "ray.rpc.ObjectManagerService/Push",
    "ray.rpc.ReporterService/GetTraceback", "ray.serve.ASGIService/HandleRequest",
)
for address in sys.argv[1:]:
    codes = set()
    with grpc.insecure_channel(address) as channel:
        for method in METHODS:
            call = channel.unary_unary(f"/{method}", bytes, bytes)
            try:
                call(b"", timeout=60)
                codes.add("OK")
            except grpc.RpcError as error:
                codes.add(error.code().name)
    print(address, *sorted(codes - {"UNIMPLEMENTED"}))
"""


@needs_root
def test_another_user_gets_nothing_of_ray(endpoint_of_ray, ray_python):
    """Python's servers hang up. Those in C++ speak gRPC and want the token of the cluster from everybody."""
    answers = open_to_others(container_of_ray())
    assert all(line.startswith("\0\0") for line in answers.values()), answers
    asked = subprocess.run(
        [ray_python, "-c", WITHOUT_TOKEN, *answers], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert {line.partition(" ")[2] for line in asked if line} == {"UNAUTHENTICATED"}
