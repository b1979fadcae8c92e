"""The command line, as a person and a terminal use it."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from localcloud.command_line import parser
from localcloud.state import state_dir
from project.ports import free_port

PROJECT = Path(__file__).resolve().parents[2]
LOCALCLOUD = [sys.executable, "-m", "localcloud"]
LIST_BUCKETS = "import boto3; boto3.client('s3').list_buckets()"


def nothing_is_left(port):
    assert not state_dir(port).exists(), "a folder is left"
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)), "something still listens"


@pytest.fixture
def port():
    number = free_port()
    yield number
    nothing_is_left(number)


def start(*arguments, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*LOCALCLOUD, *map(str, arguments)], cwd=PROJECT, **pipes | options)


def run(*arguments, **options):
    return subprocess.run(
        [*LOCALCLOUD, *map(str, arguments)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


class Up(NamedTuple):
    """A cloud that `localcloud up` runs."""

    port: int
    pid: int


@pytest.fixture(scope="module")
def up():
    """One for all tests that only ask it."""
    port = free_port()
    process = start("up", "--port", port)
    line = process.stdout.readline()
    assert line == f"localcloud is up at http://127.0.0.1:{port} (Ctrl-C stops it)\n", process.stderr.read()
    yield Up(port, process.pid)
    process.terminate()
    process.communicate(timeout=60)
    nothing_is_left(port)


def test_what_a_cloud_writes_for_a_moment_lies_in_its_folder(port):
    """So that it is removed with the folder, even after kill -9."""
    code = """
import tempfile
from localcloud.__main__ import cloud
from localcloud.command_line import parser
with cloud(parser().parse_args(["up", "--port", "PORT"])):
    print(tempfile.gettempdir())
"""
    done = subprocess.run(
        [sys.executable, "-c", code.replace("PORT", str(port))], cwd=PROJECT, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == (f"{state_dir(port)}\n", "")


def test_a_disk_without_room_for_the_cloud_is_one_line(port):
    """A limit on the size of files stands in for it."""

    def nothing_fits():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    done = run("run", "--port", port, "--", "true", preexec_fn=nothing_fits)
    assert done.stderr.startswith("localcloud: the cloud: No usable temporary directory found in [")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_ends_cleanly(port, number):
    process = start("up", "--port", port)
    process.stdout.readline()
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (0, "", "")


def test_status_says_what_runs(up):
    shown = run("status", "--port", up.port)
    assert shown.returncode == 0
    assert f"at http://127.0.0.1:{up.port}, process {up.pid}" in shown.stdout
    assert "endpoints: none" in shown.stdout
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/_localcloud/health") as health:
        assert json.load(health)["service"] == "localcloud"


def test_a_job_that_is_not_there_cannot_be_interrupted(up):
    done = run("interrupt", "no-such-job", "--port", up.port)
    assert (done.returncode, done.stderr) == (1, "localcloud: Requested resource not found.\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["AmazonSageMaker-ExecutionRole", "notebook"])
def test_a_command_acts_as_a_role_as_sagemakers_notebooks_do(up, name):
    script = "import sagemaker; print(sagemaker.get_execution_role())"
    done = run("run", "--port", up.port, "--role", name, "--", sys.executable, "-c", script)
    path = "service-role/" if name.startswith("Amazon") else ""
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"arn:aws:iam::123456789012:role/{path}{name}"
    asked = f'eval "$({sys.executable} -m localcloud env --port {up.port} --role {name})" && exec "$0" "$@"'
    allowed, denied = (
        subprocess.run(
            ["sh", "-c", asked, sys.executable, "-c", f"import boto3; boto3.client({call}"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        for call in ("'sagemaker').list_endpoints()", "'iam').create_user(UserName='somebody')")
    )
    assert allowed.returncode == 0, allowed.stderr
    assert f"assumed-role/{name}/SageMaker is not authorized to perform: iam:CreateUser" in denied.stderr


def test_a_role_that_sagemaker_may_not_assume_is_refused(up):
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    make = f"import boto3; boto3.client('iam').create_role(RoleName='f', AssumeRolePolicyDocument={trust!r})"
    assert run("run", "--port", up.port, "--", sys.executable, "-c", make).returncode == 0
    refused = run("run", "--port", up.port, "--role", "f", "--", "true")
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "localcloud: --role f: The trust policy of arn:aws:iam::123456789012:role/f "
    )
    for name in ("", "a b"):
        wrong = run("env", "--port", up.port, "--role", name)
        assert (wrong.returncode, wrong.stdout) == (1, "") and wrong.stderr.count("\n") == 1, wrong.stderr


def test_an_image_is_registered_for_a_runner_that_there_is(port):
    done = run("run", "--port", port, "--image", "mine:*=docker", "--", "true")
    assert done.returncode == 1
    assert "'mine:*=docker' is not PATTERN=RUNNER with one of the runners" in done.stderr


def test_a_second_cloud_on_the_port_says_who_has_it(up):
    second = run("up", "--port", up.port)
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"process {up.pid}" in second.stderr
    assert "localcloud down" in second.stderr


def test_another_program_on_the_port_is_named(port):
    server = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
        for command in (("up",), ("run", "--", "true"), ("down",), ("status",)):
            done = run(command[0], "--port", port, *command[1:])
            assert done.returncode == 1
            assert "SimpleHTTP" in done.stderr
            assert done.stderr.count("\n") == 1
    finally:
        server.kill()
        server.wait()


def test_detached_it_answers_when_the_command_returns_and_down_stops_it(port):
    up = run("up", "--port", port, "--detach")
    assert up.returncode == 0, up.stderr
    assert run("status", "--port", port).returncode == 0
    down = run("down", "--port", port)
    assert (down.returncode, down.stdout) == (0, "localcloud is down\n")
    again = run("down", "--port", port)
    assert again.returncode == 1
    assert "localcloud is not running" in again.stderr


def test_env_can_be_evaluated_and_hides_the_real_account(up):
    script = f'eval "$({sys.executable} -m localcloud env --port {up.port})" && env'
    real = {
        **os.environ,
        "AWS_PROFILE": "real",
        "AWS_SESSION_TOKEN": "real",
        "AWS_ENDPOINT_URL_S3": "https://real",
    }
    done = subprocess.run(
        ["sh", "-c", script], cwd=PROJECT, env=real, capture_output=True, text=True, timeout=60, check=True
    )
    shown = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert shown["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{up.port}"
    assert shown["LOCALSTACK_HOST"] == f"127.0.0.1:{up.port}"
    assert (shown["AWS_ACCESS_KEY_ID"], shown["AWS_SECRET_ACCESS_KEY"]) == ("test", "test")
    assert shown["AWS_CONFIG_FILE"] == shown["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "127.0.0.1" in shown["NO_PROXY"]
    assert shown["HTTPS_PROXY"] == shown["AWS_ENDPOINT_URL"]
    assert "BEGIN CERTIFICATE" in Path(shown["AWS_CA_BUNDLE"]).read_text()
    assert Path(shown["SAGEMAKER_USER_CONFIG_OVERRIDE"]).is_file()
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"} & set(shown)


def test_run_gives_the_command_a_cloud_of_its_own_and_passes_its_exit_code_on(port):
    script = (
        "import boto3, sys; boto3.client('s3').create_bucket(Bucket='made-inside'); "
        "print([b['Name'] for b in boto3.client('s3').list_buckets()['Buckets']]); sys.exit(5)"
    )
    done = run("run", "--port", port, "--", sys.executable, "-c", script)
    assert (done.returncode, done.stdout) == (5, "['made-inside']\n"), done.stderr


def test_run_uses_the_cloud_that_is_up(up):
    script = "import boto3; boto3.client('s3').create_bucket(Bucket='made-by-run')"
    assert run("run", "--port", up.port, "--stay", "--", sys.executable, "-c", script).returncode == 0
    s3 = boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{up.port}",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["made-by-run"]


def test_run_says_when_there_is_no_such_command(port):
    done = run("run", "--port", port, "--", "no-such-command")
    assert done.returncode == 127
    assert done.stderr == "localcloud: cannot run no-such-command: No such file or directory\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "the following arguments are required: -- COMMAND"),
        (["upp"], "argument COMMAND: invalid choice: 'upp' (choose from"),
        (["up", "--prot", "80"], "unrecognized arguments: --prot 80"),
        (["up", "--host", "a..b"], "argument --host: 'a..b' is not an address or name of this machine"),
        (["status", "--host", "a..b"], "argument --host: 'a..b' is not an address or name of this machine"),
        (["up", "--python", "/no/python"], "argument --python: there is no program '/no/python'"),
        (["interrupt"], "the following arguments are required: JOB"),
    ],
)
def test_what_cannot_be_started_is_one_line(capsys, arguments, said):
    with pytest.raises(SystemExit):
        parser().parse_args(arguments)
    told = capsys.readouterr().err
    assert told.startswith(f"localcloud: {said}") and told.count("\n") == 1


def test_run_interrupted_at_the_terminal(port):
    """Ctrl-C reaches the whole foreground group: nobody prints a traceback, the exit code is 130."""
    command = ["sh", "-c", "echo started; exec sleep 60"]
    process = start("run", "--port", port, "--stay", "--", *command, start_new_session=True)
    assert process.stdout.readline() == "started\n"
    os.killpg(process.pid, signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (130, "", "")


def test_run_killed_stops_its_command(port):
    process = start("run", "--port", port, "--", "sh", "-c", "echo $$; exec sleep 60")
    child = int(process.stdout.readline())
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_run_stays_until_interrupted_then_ends_well(port):
    process = start("run", "--port", port, "--stay", "--", "true")
    assert process.stdout.readline() == f"localcloud stays up at http://127.0.0.1:{port} (Ctrl-C stops it)\n"
    assert run("status", "--port", port).returncode == 0
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out, error) == (0, "", "")


def test_kill_minus_9_and_the_next_start_clears_up(port):
    folder = state_dir(port)
    for end in (subprocess.Popen.kill, subprocess.Popen.terminate):
        process = start("up", "--port", port)
        assert "is up" in process.stdout.readline()
        assert folder.is_dir()
        end(process)
        process.communicate(timeout=60)
        assert folder.is_dir() == (end is subprocess.Popen.kill)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "elsewhere.example", "a1.execute-api.elsewhere.example", "a1.execute-api.localhost"]
)
@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/", {"X-Amz-Target": "SageMaker.ListTrainingJobs"}),
        ("/2015-03-31/functions/mine/invocations", {"Content-Type": "text/plain"}),
        ("/moto-api/reset", {}),
        ("/_localcloud/status", {}),
    ],
)
def test_a_web_page_cannot_command_the_cloud(up, host, path, headers):
    """Whatever name of this machine it uses; at that of an API there is nothing but the API."""
    headers = headers | {"Origin": "https://elsewhere.example", "Host": f"{host}:{up.port}"}
    request = urllib.request.Request(f"http://127.0.0.1:{up.port}{path}", b"Action=ListStacks", headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value as answer:
        said = answer.read().decode()
    if host == "a1.execute-api.localhost":
        assert (answer.code, json.loads(said)) == (404, {"message": "Not Found"})
    elif host == "127.0.0.1":
        assert answer.code == 403
        assert "Only APIs and websites answer web pages, not the cloud's control plane." in said
    else:
        assert answer.code == 403
        assert f"localcloud does not answer to the name {host}" in said


def test_help_names_the_commands():
    shown = run("--help")
    assert shown.returncode == 0
    assert all(name in shown.stdout for name in ("up", "run", "env", "status", "down"))


REAL_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAREAL",
    "AWS_SECRET_ACCESS_KEY": "real-secret",
    "AWS_SECURITY_TOKEN": "real-token",
    "AWS_SESSION_TOKEN": "real-token",
    "AWS_BEARER_TOKEN_BEDROCK": "real-token",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "real-token",
    "AWS_CONFIG_FILE": "/real/config",
}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="NOT TESTED: this system has no /proc")
@pytest.mark.parametrize("detach", [(), ("--detach",)])
def test_no_process_of_the_cloud_holds_the_real_keys(port, detach):
    """What a program was started with stays readable in /proc for every process of the same user."""
    process = start("up", "--port", port, *detach, env={**os.environ, **REAL_KEYS})
    assert "is up" in process.stdout.readline()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_localcloud/health") as health:
            pid = json.load(health)["pid"]
        environment = Path(f"/proc/{pid}/environ").read_text()
        assert "PATH=" in environment
        assert not [value for value in REAL_KEYS.values() if value in environment]
    finally:
        run("down", "--port", port)
        process.communicate(timeout=60)


def test_run_passes_on_no_real_key(port):
    read = "import os; print(open(f'/proc/{os.getppid()}/environ').read(), dict(os.environ))"
    done = run("run", "--port", port, "--", sys.executable, "-c", read, env={**os.environ, **REAL_KEYS})
    assert done.returncode == 0, done.stderr
    assert not [value for value in REAL_KEYS.values() if value in done.stdout]


@pytest.mark.parametrize("command", [("up",), ("up", "--detach"), ("run", "--", "true")])
def test_a_host_that_others_reach_needs_a_token(port, command):
    done = run(command[0], "--port", port, "--host", "0.0.0.0", *command[1:])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "localcloud: on 0.0.0.0, everyone who can reach this machine could run code as you: add --token, "
        "which gives clients a secret to carry, or leave --host out\n"
    )


def test_with_a_token_env_run_and_status_carry_it(port):
    up = run("up", "--port", port, "--host", "0.0.0.0", "--token", "--detach")
    assert up.returncode == 0, up.stderr
    assert "Whoever reaches 0.0.0.0" in up.stdout
    host = ("--port", port, "--host", "0.0.0.0")
    try:
        script = "import boto3; boto3.client('s3').create_bucket(Bucket='carried')"
        assert run("run", *host, "--", sys.executable, "-c", script).returncode == 0
        assert run("status", *host).returncode == 0
        shown = run("env", *host).stdout
        assert f"AWS_ENDPOINT_URL=http://127.0.0.1:{port}" in shown
        assert "AWS_ACCESS_KEY_ID=test" not in shown
    finally:
        assert run("down", *host).returncode == 0


IMPOSTOR = """
import fcntl, http.server, json, sys
lock = open(sys.argv[2], "a+")
fcntl.flock(lock, fcntl.LOCK_EX)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        health = {"service": "localcloud", "version": "1", "pid": int(sys.argv[3])}
        self.wfile.write(json.dumps(health).encode())
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print("ready", flush=True)
server.serve_forever()
"""


def test_nobody_makes_down_signal_a_process_or_run_use_a_false_cloud(port):
    """Who takes the port and the folder's name first, in the shared temporary folder, can say anything."""
    victim = subprocess.Popen(["sleep", "60"])
    folder = state_dir(port)
    folder.mkdir(mode=0o755)
    (folder / "lock").write_text(str(victim.pid))
    arguments = [str(port), str(folder / "lock"), str(victim.pid)]
    impostor = subprocess.Popen(
        [sys.executable, "-c", IMPOSTOR, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert impostor.stdout.readline() == "ready\n"
        for command in (("down",), ("status",), ("env",), ("run", "--", "true")):
            done = run(command[0], "--port", port, *command[1:])
            assert done.returncode == 1
            assert "a localcloud that is not yours" in done.stderr
            assert done.stderr.count("\n") == 1
        assert victim.poll() is None
    finally:
        for process in (impostor, victim):
            process.kill()
            process.communicate()
        (folder / "lock").unlink()
        folder.rmdir()


def test_simultaneous_commands_share_one_cloud_until_the_last_has_ended(port, tmp_path):
    """Each makes a bucket, then waits for those of the others: in one cloud only can it see them."""
    script = tmp_path / "command.py"
    script.write_text(
        "import boto3, sys, time\n"
        "s3 = boto3.client('s3')\n"
        "s3.create_bucket(Bucket=f'bucket-{sys.argv[1]}')\n"
        "while len(s3.list_buckets()['Buckets']) < 3: time.sleep(0.1)\n"
        "time.sleep(float(sys.argv[1]))\n"
        "s3.head_bucket(Bucket=f'bucket-{sys.argv[1]}')\n"
    )
    commands = [
        start("run", "--port", port, "--", sys.executable, str(script), str(number)) for number in range(3)
    ]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in commands]
    assert [code for _, _, code in ended] == [0, 0, 0], ended


def test_a_cloud_that_is_ending_is_not_joined(port):
    first = start("run", "--port", port, "--", "true")
    second = start("run", "--port", port, "--", sys.executable, "-c", LIST_BUCKETS)
    for process in (first, second):
        _, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
