"""Commands of the AWS CLI, as people type them, against the cloud of the environment, in one process.

The files are made in the current folder.
"""

import contextlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

from awscli.clidriver import create_clidriver


def aws(command: str, *more: str, status: int = 0) -> Any:
    """What a command prints: parsed where it is JSON; on standard error where it fails as expected."""
    out, error = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            code = create_clidriver().main([*command.split(), *more])
        except SystemExit as ended:  # an argument that the CLI does not know
            code = ended.code
    assert code == status, f"aws {command}: {code}\n{out.getvalue()}{error.getvalue()}"
    if status:
        return error.getvalue()
    return json.loads(out.getvalue()) if out.getvalue().startswith(("{", "[")) else out.getvalue()


def sts():
    for address in ("", "--endpoint-url https://sts.us-east-1.amazonaws.com"):
        assert aws(f"sts get-caller-identity {address}")["Account"] == "123456789012"


def s3():
    Path("folder").mkdir()
    Path("folder/small.txt").write_text("small")
    Path("folder/large").write_bytes(b"x" * 9_000_000)  # the CLI uploads it in parts
    aws("s3 mb s3://made-by-cli")
    aws("s3 cp folder s3://made-by-cli/copy --recursive --no-progress")
    assert "9000000 large" in aws("s3 ls s3://made-by-cli/copy/")
    aws("s3 sync s3://made-by-cli/copy back --no-progress")
    assert Path("back/large").read_bytes() == Path("folder/large").read_bytes()
    aws("s3 rm s3://made-by-cli --recursive")
    assert "Contents" not in aws("s3api list-objects-v2 --bucket made-by-cli")
    aws("s3 rb s3://made-by-cli")


def sagemaker():
    assert aws("sagemaker list-training-jobs") == {"TrainingJobSummaries": []}
    assert "Requested resource not found" in aws(
        "sagemaker describe-training-job --training-job-name none", status=255
    )


def functions():
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    logs = {"Effect": "Allow", "Action": "logs:*", "Resource": "arn:aws:logs:*:*:*"}
    for name, statement in (("trust.json", trust), ("logs.json", logs)):
        Path(name).write_text(json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    role = aws("iam create-role --role-name echo --assume-role-policy-document file://trust.json")["Role"]
    aws("iam put-role-policy --role-name echo --policy-name logs --policy-document file://logs.json")
    with zipfile.ZipFile("code.zip", "w") as archive:
        archive.writestr("index.py", "def handler(event, context):\n    print('called')\n    return event\n")
    aws(
        "lambda create-function --function-name echo --runtime python3.12 --handler index.handler "
        f"--zip-file fileb://code.zip --role {role['Arn']}"
    )
    aws("lambda wait function-active --function-name echo")
    assert aws("lambda invoke --function-name echo answer.json --payload", '{"n": 1}')["StatusCode"] == 200
    assert json.loads(Path("answer.json").read_text()) == {"n": 1}
    events = aws("logs filter-log-events --log-group-name /aws/lambda/echo")["events"]
    assert "called" in [event["message"].strip() for event in events]


def cloudformation():
    Path("template.yaml").write_text("Resources: {Bucket: {Type: AWS::S3::Bucket}}\n")
    aws("cloudformation deploy --template-file template.yaml --stack-name made")
    [stack] = aws("cloudformation describe-stacks --stack-name made")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    aws("cloudformation delete-stack --stack-name made")
    aws("cloudformation wait stack-delete-complete --stack-name made")


def what_there_is_not():
    said = aws("ec2 describe-instances", status=255)
    assert "localcloud does not support the ec2 operation DescribeInstances" in said


if __name__ == "__main__":
    sts()
    s3()
    sagemaker()
    functions()
    cloudformation()
    what_there_is_not()
    print("all of the CLI has run")
