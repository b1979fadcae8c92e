"""The genuine `sam deploy` and `sam delete`, unmodified, against a running cloud."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localcloud.server import Server

PROJECT = Path(__file__).resolve().parents[2]
SAM = PROJECT / ".venv-sam" / "bin" / "sam"

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters: {Word: {Type: String, Default: hello}}
Resources:
  Say:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: code/
      Environment: {Variables: {WORD: !Ref Word}}
      Events: {Say: {Type: HttpApi, Properties: {Path: /say, Method: GET}}}
Outputs:
  Url: {Value: !Sub "https://${ServerlessHttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
"""
HANDLER = """
import os

def handler(event, context):
    return {"statusCode": 200, "body": os.environ["WORD"]}
"""
BROKEN = """
  Bad:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: no-such-bucket-anywhere, PolicyDocument: {Statement: []}}
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SAM.exists() and not shutil.which("sam"), reason="the SAM CLI is not installed"),
]


@pytest.fixture(scope="module")
def server():
    with Server(port=0, job_python=sys.executable) as running:
        yield running


@pytest.fixture
def sam(server, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "app.py").write_text(HANDLER)
    environment = os.environ | server.cloud.environment() | {"HOME": str(tmp_path)}
    environment |= {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.5", "TMPDIR": str(tmp_path)}

    def run(command: str, template: str | None = None) -> subprocess.CompletedProcess:
        if template:
            (tmp_path / "template.yaml").write_text(template)
        return subprocess.run(
            [str(SAM) if SAM.exists() else "sam", *command.split()],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
        )

    return run


DEPLOY = "deploy --stack-name say --resolve-s3 --capabilities CAPABILITY_IAM"


def test_a_stack_is_deployed_changed_broken_and_deleted(server, sam):
    first = sam(DEPLOY, TEMPLATE)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Successfully created/updated stack - say" in first.stdout
    outputs = server.cloud.client("cloudformation").describe_stacks(StackName="say")["Stacks"][0]["Outputs"]
    url = outputs[0]["OutputValue"]
    assert url in first.stdout
    assert url.startswith(f"{server.cloud.url}/_aws/execute-api/")

    again = sam(f"{DEPLOY} --no-fail-on-empty-changeset")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "No changes to deploy" in again.stdout + again.stderr

    changed = sam(f"{DEPLOY} --parameter-overrides Word=bye")
    assert changed.returncode == 0, changed.stdout + changed.stderr
    name = server.cloud.client("lambda").list_functions()["Functions"][0]["FunctionName"]
    configuration = server.cloud.client("lambda").get_function_configuration(FunctionName=name)
    assert configuration["Environment"]["Variables"] == {"WORD": "bye"}

    broken = sam(DEPLOY, TEMPLATE.replace("Outputs:", f"{BROKEN}Outputs:"))
    assert broken.returncode != 0
    assert "HandlerErrorCode:" in broken.stdout
    status = server.cloud.client("cloudformation").describe_stacks(StackName="say")["Stacks"][0][
        "StackStatus"
    ]
    assert status == "UPDATE_ROLLBACK_COMPLETE"

    refused = sam(DEPLOY, TEMPLATE.replace("Runtime: python3.12", "Runtime: python3.12\n      SnapStrt: 1"))
    assert refused.returncode != 0
    assert "SnapStrt" in refused.stdout + refused.stderr

    deleted = sam("delete --stack-name say --no-prompts --region us-east-1")
    assert deleted.returncode == 0, deleted.stdout + deleted.stderr
    assert server.cloud.client("lambda").list_functions()["Functions"] == []
