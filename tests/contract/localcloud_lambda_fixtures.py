"""What the tests of functions, HTTP APIs and IAM share: a small cloud, and ways to put things into it."""

import base64
import io
import json
import socket
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.logs import LogsService
from localcloud.server import Server

HANDLER = """
import json, logging, os, socket, sys, time

calls = 0

def connect(port):
    return socket.create_connection(("127.0.0.1", port))

def handler(event, context):
    global calls
    calls += 1
    match event:
        case {"hold": port}:
            connect(port).recv(1)
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"exit": status}:
            sys.exit(status)
        case {"signal": number}:
            os.kill(os.getpid(), number)
        case {"raise": message}:
            raise ValueError(message)
        case {"allocate_mb": size}:
            filled = bytearray(size * 2**20)
            time.sleep(1)
        case {"characters": count}:
            return "x" * count
        case {"log": message}:
            logging.getLogger().warning(message)
            print("printed " + message)
        case {"report": port}:
            with connect(port) as connection:
                connection.sendall(context.aws_request_id.encode())
            raise RuntimeError("again, please")
        case {"environment": True}:
            return dict(os.environ)
    return {"echo": event, "calls": calls, "pid": os.getpid(), "request_id": context.aws_request_id,
            "arn": context.invoked_function_arn, "remaining": context.get_remaining_time_in_millis()}
"""


def package(source: str = HANDLER) -> bytes:
    """A deployment package whose handler is app.handler."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("app.py", source)
    return archive.getvalue()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: str | list[str], resources: str | list[str] = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def trust(principal: Any, **more: Any) -> str:
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


class Listener:
    """Where a function says that it runs: sandboxes share no files with anybody."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]

    def accept(self, seconds: float = 60) -> socket.socket:
        """The connection of a function, which holds it as long as the test does. Raises TimeoutError."""
        self._socket.settimeout(seconds)
        return self._socket.accept()[0]

    def close(self) -> None:
        self._socket.close()


class Account:
    """The account's owner at work in a cloud, through plain boto3."""

    def __init__(self, cloud: Cloud):
        self.cloud = cloud

    def client(self, service: str, config: Config | None = None, **credentials: str) -> Any:
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"} | credentials
        patient = Config(retries={"total_max_attempts": 1}, read_timeout=60)
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=self.cloud.url,
            config=patient.merge(config) if config else patient,
            **keys,
        )

    def role(self, name: str, *statements: dict[str, Any], trusts: Any = None) -> str:
        """A role for Lambda that may write logs, and what `statements` say."""
        iam = self.client("iam")
        principal = trusts or {"Service": "lambda.amazonaws.com"}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(principal))["Role"]
        document = policy(allow("logs:*"), *statements)
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
        return role["Arn"]

    def function(self, name: str, source: str = HANDLER, **settings: Any) -> str:
        role = settings.pop("Role", None) or self.role(f"{name}-role")
        settings = {
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Timeout": 10,
            "MemorySize": 512,
        } | settings
        answer = self.client("lambda").create_function(
            FunctionName=name, Role=role, Code={"ZipFile": package(source)}, **settings
        )
        return answer["FunctionArn"]

    def session(self, role_arn: str) -> dict[str, str]:
        """Credentials of an assumed role, as arguments for `client`."""
        keys = self.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="tester")["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }


@contextmanager
def running(*services: Any) -> Iterator[Account]:
    with Server(port=0, services=[*services, LogsService]) as server:
        yield Account(server.cloud)


@pytest.fixture(scope="module")
def echo(account: Account) -> str:
    """A function that most tests invoke and none changes."""
    return account.function("echo", Environment={"Variables": {"GREETING": "hello"}})


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


def invoke(account: Account, name: str, event: Any, **more: Any) -> dict[str, Any]:
    answer = account.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode(), **more)
    body = answer["Payload"].read()
    return answer | {"result": json.loads(body) if body else None}


def tail(answer: dict[str, Any]) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


def refusal(call: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response


def is_denied(call: Callable[[], Any]) -> bool:
    """Denied by policy; any other refusal means that the request got through to the service."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403")
    return False


@pytest.fixture
def having(account: Account, request: pytest.FixtureRequest) -> Callable[..., Callable[[str], Any]]:
    """Makes a role with just these statements; returns a function that makes clients of that role."""
    name = f"role-{abs(hash(request.node.name)) % 10**8}"

    def make(*statements: dict[str, Any]) -> Callable[[str], Any]:
        iam = account.client("iam")
        role = iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"})
        )["Role"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
        keys = account.session(role["Arn"])
        return lambda service: account.client(service, **keys)

    make.name = name
    return make
