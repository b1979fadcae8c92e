"""Endpoints and InvokeEndpoint over real HTTP, with boto3."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import INFERENCE_IMAGE, ON_INSTANCE, aws, make_wheel, refused, tar_gz, wait

from localcloud.sagemaker.container import has_own_file_system
from tests.strangers import listening, told

__all__ = ["aws"]

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def endpoint(aws):
    name = aws.endpoint(aws.config(aws.model(epochs=7)))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    return name


def test_an_endpoint_answers_with_its_model(aws, endpoint):
    answer = aws.runtime.invoke_endpoint(
        EndpointName=endpoint, ContentType="application/json", Body=b'{"review": "good"}'
    )
    assert json.loads(answer["Body"].read()) == {"characters": 4, "batch": None, "epochs": 7}
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"


def test_bytes_pass_unchanged(aws, endpoint):
    body = bytes(range(256)) * 1000
    assert aws.invoke(endpoint, body, "application/octet-stream") == body


@pytest.mark.parametrize(
    ("body", "content_type", "status", "kind", "said"),
    [
        (b"x", "text/html", 415, "client", "no text/html"),
        (b'{"raise": "gone"}', "application/json", 500, "server", "'gone'"),
        (b"not json", "application/json", 500, "server", "Expecting value"),
    ],
)
def test_errors_of_the_model_are_model_errors(aws, endpoint, body, content_type, status, kind, said):
    with pytest.raises(aws.runtime.exceptions.ModelError) as error:
        aws.invoke(endpoint, body, content_type)
    answer = error.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == status
    assert answer["OriginalMessage"].startswith(said)
    assert f"Received {kind} error ({status}) from primary with message" in answer["Error"]["Message"]


def test_an_endpoint_that_is_not_there(aws):
    with pytest.raises(ClientError) as error:
        aws.invoke("nowhere", {})
    assert refused(error) == ("ValidationError", 400, "Endpoint nowhere of account 123456789012 not found.")


def test_a_serverless_endpoint_takes_4_mb(aws, endpoint):
    assert len(aws.invoke(endpoint, b"x" * 4 * MEGABYTE, "application/octet-stream")) == 4 * MEGABYTE
    with pytest.raises(ClientError) as error:
        aws.invoke(endpoint, b"x" * (4 * MEGABYTE + 1), "application/octet-stream")
    assert refused(error)[:2] == ("ValidationError", 413)


def test_a_serverless_endpoint_throttles_beyond_its_concurrency(aws, endpoint):
    def invoke(_):
        try:
            return aws.invoke(endpoint, {"review": "", "sleep": 1}) and 200
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"]

    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(invoke, range(4)))
    assert statuses[0] == 200
    assert statuses[-1] == 429


def test_what_the_container_prints_is_logged(aws, endpoint):
    with pytest.raises(ClientError):
        aws.invoke(endpoint, {"raise": "look me up"})
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    wait(lambda: aws.log_lines(group), lambda log: any("KeyError: 'look me up'" in line for line in log), 10)


def test_a_container_that_dies_fails_one_request_and_is_not_ready_until_it_is_back(aws, endpoint):
    with pytest.raises(aws.runtime.exceptions.ModelError) as error:
        aws.invoke(endpoint, {"die": True})
    assert error.value.response["OriginalStatusCode"] == 500
    assert "Worker died" in error.value.response["OriginalMessage"]
    refusals = []

    def try_again():
        try:
            return aws.invoke(endpoint, {"review": "good"})
        except ClientError as refusal:
            refusals.append(refusal.response)

    wait(try_again, lambda answer: answer is not None, 30)
    # None where it is back before the next request comes.
    assert {refusal["Error"]["Code"] for refusal in refusals} <= {"ModelNotReadyException"}
    assert {refusal["ResponseMetadata"]["HTTPStatusCode"] for refusal in refusals} <= {429}


def server_of(endpoint):
    """The process of an endpoint's only model server."""
    mine = f"/endpoint-{endpoint}-"
    children = psutil.Process().children(recursive=True)
    [server] = [
        child
        for child in children
        if child.cmdline()[1].endswith("/inference.py") and mine in child.environ()["HOME"]
    ]
    return server


def test_a_model_server_answers_nobody_but_the_cloud(aws, endpoint):
    """And so no web page, which can ask any server of this machine."""
    for _ in range(2):
        assert aws.invoke(endpoint, {"review": "good"})
        assert set(told(list(listening(server_of(endpoint)))).values()) == {""}


def test_an_idle_container_that_is_killed_answers_nobody_wrongly(aws, endpoint):
    assert aws.invoke(endpoint, {"review": "good"})
    server = server_of(endpoint)
    server.kill()
    server.wait(10)
    refusals = []

    def try_again():
        try:
            return aws.invoke(endpoint, {"review": "good"})
        except ClientError as refusal:
            refusals.append(refusal.response["Error"]["Code"])

    wait(try_again, lambda answer: answer is not None, 30)
    assert set(refusals) <= {"ModelNotReadyException"}


def test_while_another_container_lives_no_request_fails(aws):
    config = aws.config(aws.model(epochs=3), InstanceType="ml.m5.large", InitialInstanceCount=3)
    name = aws.endpoint(config)
    assert aws.settled(name)["ProductionVariants"][0]["CurrentInstanceCount"] == 3

    def ask(number):
        if number == 20:
            with pytest.raises(aws.runtime.exceptions.ModelError):
                aws.invoke(name, {"die": True})
            return 3
        return json.loads(aws.invoke(name, {"review": "", "sleep": 0.01}))["epochs"]

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(100))) == {3}


def test_an_instance_endpoint_lives_and_is_updated_without_losing_a_request(aws):
    first = aws.config(aws.model(epochs=1), InstanceType="ml.m5.large", InitialInstanceCount=1)
    name = aws.endpoint(first)
    described = aws.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 1
    second = aws.config(aws.model(epochs=2), InstanceType="ml.m5.large", InitialInstanceCount=1)
    answers, failures, done = [], [], threading.Event()

    def keep_asking():
        while not done.is_set():
            try:
                answers.append(json.loads(aws.invoke(name, {"review": "", "sleep": 0.02}))["epochs"])
            except ClientError as error:
                failures.append(error)

    askers = [threading.Thread(target=keep_asking) for _ in range(3)]
    for asker in askers:
        asker.start()
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=second)
    with pytest.raises(ClientError) as error:
        aws.sagemaker.delete_endpoint(EndpointName=name)
    assert "Cannot update in-progress endpoint" in refused(error)[2]
    assert aws.settled(name)["EndpointConfigName"] == second
    time.sleep(0.5)
    done.set()
    for asker in askers:
        asker.join()
    assert not failures
    assert answers[0] == 1
    assert answers[-1] == 2
    assert set(answers) == {1, 2}


def config_of_two(aws, *models: str) -> str:
    """A configuration of two variants, of which the first gets all requests."""
    name = aws.name("config")
    variants = [
        {"VariantName": variant, "ModelName": model, "InitialVariantWeight": weight, **ON_INSTANCE}
        for variant, model, weight in zip("ab", models, (1.0, 0.0), strict=True)
    ]
    aws.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants)
    return name


def sizes(described: dict) -> list[tuple[float, int]]:
    return [(each["CurrentWeight"], each["CurrentInstanceCount"]) for each in described["ProductionVariants"]]


@pytest.fixture(scope="module")
def two_variants(aws):
    name = aws.endpoint(config_of_two(aws, aws.model(epochs=1), aws.model(epochs=2)))
    assert sizes(aws.settled(name)) == [(1.0, 1), (0.0, 1)]
    return name


def test_weights_and_capacities_of_variants_change_in_service(aws, two_variants):
    name = two_variants

    def change(**variants: dict) -> list[tuple[float, int]]:
        desired = [{"VariantName": variant, **sizes} for variant, sizes in variants.items()]
        aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=desired
        )
        return sizes(aws.settled(name))

    def answering() -> set[int]:
        return {json.loads(aws.invoke(name, {"review": ""}))["epochs"] for _ in range(5)}

    assert answering() == {1}
    assert change(a={"DesiredWeight": 0}, b={"DesiredWeight": 1}) == [(0.0, 1), (1.0, 1)]
    assert answering() == {2}
    assert change(b={"DesiredInstanceCount": 3}) == [(0.0, 1), (1.0, 3)]
    assert answering() == {2}
    aws.sagemaker.update_endpoint(
        EndpointName=name,
        EndpointConfigName=config_of_two(aws, aws.model(epochs=3), aws.model(epochs=4)),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": "DesiredInstanceCount"}],
    )
    assert sizes(aws.settled(name)) == [(0.0, 1), (1.0, 1)]
    assert answering() == {4}


@pytest.mark.parametrize(
    ("desired", "named"),
    [
        ([{"VariantName": "c", "DesiredWeight": 1}], '"c" is/are not present within endpoint configuration'),
        ([{"VariantName": "a", "DesiredWeight": 1}] * 2, '"a" was non-unique within the request'),
        ([{"VariantName": "a", "DesiredInstanceCount": 0}], "variant a cannot have 0 instances"),
        ([{"VariantName": variant, "DesiredInstanceCount": 2} for variant in "ab"], "one variant at a time"),
        ([{"VariantName": "a", "ServerlessUpdateConfig": {"MaxConcurrency": 1}}], "ServerlessUpdateConfig"),
    ],
)
def test_weights_and_capacities_that_variants_cannot_have_are_refused(aws, two_variants, desired, named):
    with pytest.raises(ClientError) as error:
        aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=two_variants, DesiredWeightsAndCapacities=desired
        )
    assert named in refused(error)[2]


def test_a_serverless_variant_has_no_number_of_instances(aws, endpoint):
    desired = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    with pytest.raises(ClientError) as error:
        aws.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint, DesiredWeightsAndCapacities=desired
        )
    assert "AllTraffic cannot have 2 instances" in refused(error)[2]


def test_an_endpoint_on_instances_cannot_become_serverless(aws, two_variants):
    with pytest.raises(ClientError) as error:
        aws.sagemaker.update_endpoint(EndpointName=two_variants, EndpointConfigName=aws.config(aws.model()))
    assert "is on instances and cannot become serverless" in refused(error)[2]


def test_an_update_that_fails_leaves_the_former_model_in_service(aws):
    name = aws.endpoint(aws.config(aws.model(epochs=1)))
    aws.settled(name)
    broken = aws.config(aws.model(inference="raise RuntimeError('cannot load')"))
    aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    described = aws.settled(name)
    assert described["EndpointStatus"] == "InService"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert json.loads(aws.invoke(name, {"review": ""}))["epochs"] == 1


def test_a_model_that_cannot_load_fails_its_endpoint_which_can_only_be_deleted(aws):
    name = aws.endpoint(aws.config(aws.model(inference="raise RuntimeError('cannot load')")))
    described = aws.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"].startswith(
        "The primary container for production variant AllTraffic did not pass the ping health check."
    )
    wait(
        lambda: aws.log_lines(f"/aws/sagemaker/Endpoints/{name}"),
        lambda log: any("RuntimeError: cannot load" in line for line in log),
        10,
    )
    with pytest.raises(ClientError) as error:
        aws.invoke(name, {})
    assert refused(error)[0] == "ValidationError"
    with pytest.raises(ClientError) as error:
        aws.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=aws.config(aws.model()))
    assert refused(error)[2].startswith("Cannot update failed endpoint")
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_an_archive_that_leads_out_of_its_folder_is_not_unpacked(aws, tmp_path):
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        member = tarfile.TarInfo("../../escaped")
        tar.addfile(member, io.BytesIO())
    uri = aws.put("models/evil/model.tar.gz", buffer.getvalue())
    aws.sagemaker.create_model(
        ModelName="evil",
        ExecutionRoleArn=aws.role,
        PrimaryContainer={"Image": INFERENCE_IMAGE, "ModelDataUrl": uri},
    )
    described = aws.settled(aws.endpoint(aws.config("evil")))
    assert described["EndpointStatus"] == "Failed"
    assert "escaped" in described["FailureReason"]


@pytest.mark.skipif(not has_own_file_system(), reason="no mount namespaces here")
def test_a_server_that_knows_its_containers_paths_by_heart_works(aws):
    inference = """
from pathlib import Path
def model_fn(model_dir):
    Path("/opt/ml/written").write_text(Path("/opt/ml/model/weights.json").read_text())
    return Path("/opt/ml/written").read_text()
def input_fn(body, content_type):
    return body
def predict_fn(body, model):
    return model
def output_fn(answer, accept):
    return answer
"""
    before = list(Path("/opt/ml").rglob("*"))
    name = aws.endpoint(aws.config(aws.model(epochs=7, inference=inference)))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    assert aws.invoke(name, {}) == b'{"epochs": 7}'
    assert list(Path("/opt/ml").rglob("*")) == before
    aws.sagemaker.delete_endpoint(EndpointName=name)


def test_a_deleted_endpoint_is_gone_with_its_process(aws):
    name = aws.endpoint(aws.config(aws.model()))
    aws.settled(name)
    aws.sagemaker.delete_endpoint(EndpointName=name)
    with pytest.raises(ClientError) as error:
        aws.sagemaker.describe_endpoint(EndpointName=name)
    assert "Could not find endpoint" in refused(error)[2]
    with pytest.raises(ClientError):
        aws.invoke(name, {})
    folder = aws.cloud.state_dir / "hosting"
    assert not [f.name for f in folder.iterdir() if name in f.name], "its role may be the next to go"


LITERAL = """
import json
from pathlib import Path

def model_fn(model_dir):
    FOLDER = Path("ML")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "note").write_text("written")
    return model_dir

def predict_fn(data, model):
    return [model, json.loads(Path("ML/model/weights.json").read_text()), Path("ML/note").read_text()]

def input_fn(body, content_type):
    return body

def output_fn(prediction, accept):
    return json.dumps(prediction)
"""


@pytest.mark.skipif(not has_own_file_system(), reason="no mount namespaces here")
def test_a_model_server_finds_its_files_at_the_paths_of_aws(aws):
    name = aws.endpoint(aws.config(aws.model(inference=LITERAL.replace("ML", "/opt/ml"))))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    assert json.loads(aws.invoke(name, b"x")) == ["/opt/ml/model", {"epochs": 1}, "written"]


def test_where_its_folder_cannot_be_put_there_a_server_that_writes_there_fails(aws, monkeypatch, tmp_path):
    folder = tmp_path / "opt-ml"
    monkeypatch.setattr("localcloud.sagemaker.container.has_own_file_system", lambda: False)
    monkeypatch.setattr("localcloud.sagemaker.container.CONTAINER_FOLDER", str(folder))
    name = aws.endpoint(aws.config(aws.model(inference=LITERAL.replace("ML", str(folder)))))
    described = aws.settled(name)
    assert described["EndpointStatus"] == "Failed"
    assert f"wrote {folder}/note, which is this machine's file" in described["FailureReason"]


def test_missing_functions_get_the_toolkits_defaults(aws):
    """A module with nothing but model_fn and predict_fn gets JSON and NPY arrays in and out."""
    import io

    import numpy

    inference = (
        "def model_fn(model_dir):\n    return 2\n\ndef predict_fn(data, model):\n    return data * model\n"
    )
    name = aws.endpoint(aws.config(aws.model(inference=inference)))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    assert json.loads(aws.invoke(name, b"[[1, 2]]")) == [[2.0, 4.0]]
    assert json.loads(aws.invoke(name, b"1,2\n3,4", "text/csv")) == [[2.0, 4.0], [6.0, 8.0]]
    array = io.BytesIO()
    numpy.save(array, numpy.array([1.5]))
    answer = aws.runtime.invoke_endpoint(
        EndpointName=name, ContentType="application/x-npy", Accept="application/x-npy", Body=array.getvalue()
    )
    assert numpy.load(io.BytesIO(answer["Body"].read())).tolist() == [3.0]
    with pytest.raises(aws.runtime.exceptions.ModelError) as error:
        aws.invoke(name, b"x", "text/plain")
    assert "Content type text/plain is not supported" in error.value.response["OriginalMessage"]


@pytest.mark.slow
def test_a_server_that_is_started_again_still_has_its_requirements(aws, tmp_path):
    wheel = make_wheel(tmp_path, "tiny_served", "WORD = 'installed'\n")
    inference = (
        "import os, tiny_served\n\ndef model_fn(model_dir):\n    return None\n\n"
        "def transform_fn(model, body, content_type, accept):\n"
        "    return tiny_served.WORD if 'stay' in body else os._exit(3)\n"
    )
    files = {
        "code/inference.py": inference,
        "code/requirements.txt": f"{wheel}\n",
    }
    uri = aws.put("models/required/model.tar.gz", tar_gz(files))
    aws.sagemaker.create_model(
        ModelName="required",
        ExecutionRoleArn=aws.role,
        PrimaryContainer={"Image": INFERENCE_IMAGE, "ModelDataUrl": uri},
    )
    name = aws.endpoint(aws.config("required"))
    assert aws.settled(name)["EndpointStatus"] == "InService"
    with pytest.raises(ClientError):
        aws.invoke(name, b'"go"')

    def answer():
        try:
            return aws.invoke(name, b'"stay"')
        except ClientError as error:
            return error

    assert wait(answer, lambda answered: isinstance(answered, bytes)) == b"installed"
