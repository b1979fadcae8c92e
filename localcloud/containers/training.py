"""Runs a training script like SageMaker's training toolkit in script mode.

``python training.py [SOURCE_ARCHIVE]`` with the container's folder (AWS: /opt/ml) in SAGEMAKER_BASE_DIR.
Reads ``input/config/*.json``, unpacks the source into ``code/``, runs the entry point there with the
hyperparameters as arguments and the SM_* variables in its environment, and writes ``output/success`` or
``output/failure``. Names, order and formats are those of sagemaker-training 5.1; errors are captured as its
PyTorch image does.
"""

import builtins
import json
import logging
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import traceback
from collections import OrderedDict
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from localcloud.containers.archives import ArchiveError, unpack_tar
    from localcloud.containers.distribution import Distribution
    from localcloud.containers.overlay import install_requirements, use_environment
else:  # this runs as a script, beside them
    from archives import ArchiveError, unpack_tar
    from distribution import Distribution
    from overlay import install_requirements, use_environment

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))
CODE, MODEL, INPUT, OUTPUT = BASE / "code", BASE / "model", BASE / "input", BASE / "output"
CONFIG = INPUT / "config"

PREFIX = "sagemaker_"
PLATFORM_HYPERPARAMETERS = {
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "default_user_module_name",
    "_tuning_objective_metric",
    "sagemaker_s3_output",
}
"""Hyperparameters for the container, which the script does not get."""
SAFE_ENTRY_POINT = re.compile(r"(?!.*(^|/)\.\.?(/|$))[A-Za-z0-9._][A-Za-z0-9._+-]*(/[A-Za-z0-9._+-]+)*")
EXCEPTION_NAMES = tuple(name for name in dir(builtins) if name.endswith(("Error", "Exception")))
"""A line with one of these begins the error message that the toolkit keeps; what came before is left out."""
KILLED = 137
OUTPUT_DRAIN_SECONDS = 1.0
"""How long the output of a killed script is read on."""
FAILURE = 1
EXCERPT_CHARACTERS = 32_768
"""Kept of the beginning of an error message, and as much of its end; longer lines are read in pieces.
SageMaker shows the first 1,024 characters."""

log = logging.getLogger("sagemaker-training-toolkit")


class TrainingFailure(Exception):
    """The user's code or archive failed; the message goes to `output/failure`."""


class CommandFailed(TrainingFailure):
    """A command ended with a status other than 0; the message is in the toolkit's form."""

    def __init__(self, kind: str, command: list[str], code: int, error: str):
        extra = 'ExtraInfo "OutOfMemory: Process killed by SIGKILL (signal 9)"\n' if code == KILLED else ""
        super().__init__(
            f'{kind}:\nExitCode {code}\nErrorMessage "{error}"\n{extra}Command "{" ".join(command)}"'
        )


def read_hyperparameters() -> dict[str, object]:
    """The hyperparameters; each is parsed as JSON if possible, or else is the string itself."""
    decoded = {}
    for name, value in json.loads((CONFIG / "hyperparameters.json").read_text()).items():
        try:
            decoded[name] = json.loads(value)
        except (TypeError, ValueError):
            decoded[name] = value
    return decoded


def to_arguments(hyperparameters: dict[str, object]) -> list[str]:
    """Command-line arguments by name: ``--name value``, ``-n value`` for one letter, ``k=v,k=v`` for maps."""
    arguments = []
    for name in sorted(hyperparameters):
        value = hyperparameters[name]
        if isinstance(value, dict):
            value = ",".join(f"{key}={inner}" for key, inner in sorted(value.items()))
        arguments += [f"--{name}" if len(name) > 1 else f"-{name}", "" if value is None else str(value)]
    return arguments


def to_variables(values: dict[str, object]) -> dict[str, str]:
    """Environment variables: SM_NAME, a string as it is, anything else as compact JSON."""

    def text(value: object) -> str:
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))

    return {f"SM_{name.upper()}": text(value) for name, value in values.items()}


def count_gpus() -> int:
    """The number of NVIDIA GPUs of the machine; 0 if nvidia-smi is missing or fails."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return 0
    return sum(line.startswith("GPU ") for line in listed.splitlines())


class Job:
    """The information for the script about its job."""

    def __init__(self) -> None:
        self.resources = json.loads((CONFIG / "resourceconfig.json").read_text())
        self.channels = json.loads((CONFIG / "inputdataconfig.json").read_text())
        everything = read_hyperparameters()
        self.platform = {
            name: value
            for name, value in everything.items()
            if name in PLATFORM_HYPERPARAMETERS or name.startswith(PREFIX)
        }
        self.hyperparameters = {
            name: value for name, value in everything.items() if name not in self.platform
        }
        program = os.environ.get("SAGEMAKER_PROGRAM") or self.platform.get("sagemaker_program")
        self.entry_point = str(program) if program else ""
        self.distribution = Distribution(self.resources, self.platform)

    def variables(self) -> dict[str, str]:
        """The SM_* variables."""
        group, groups = self.distribution.group, self.distribution.groups
        directories = {name: str(INPUT / "data" / name) for name in self.channels}
        framework = {k: v for k, v in self.platform.items() if k not in PLATFORM_HYPERPARAMETERS}
        arguments = to_arguments(self.hyperparameters)
        shared = {
            "hosts": self.resources["hosts"],
            "network_interface_name": self.resources.get("network_interface_name", "eth0"),
            "user_entry_point": self.entry_point,
            "resource_config": self.resources,
            "input_data_config": self.channels,
            "output_data_dir": str(OUTPUT / "data"),
            "current_host": self.resources["current_host"],
            "current_instance_type": self.resources.get("current_instance_type", "local"),
            "current_instance_group": group,
            "current_instance_group_hosts": groups.get(group, {}).get("hosts", []),
            "instance_groups": list(groups),
            "instance_groups_dict": groups,
            "distribution_instance_groups": self.distribution.training_groups,
            "is_hetero": len(groups) > 1,
            "module_name": re.sub(r"\.py$", "", self.entry_point),
            "log_level": self.platform.get("sagemaker_container_log_level", logging.INFO),
            "framework_module": os.environ.get("SAGEMAKER_TRAINING_MODULE"),
            "input_dir": str(INPUT),
            "input_config_dir": str(CONFIG),
            "output_dir": str(OUTPUT),
            "num_cpus": os.cpu_count(),
            "num_gpus": count_gpus(),
            "num_neurons": 0,
            "model_dir": str(MODEL),
            "module_dir": str(self.platform.get("sagemaker_submit_directory", CODE)),
            "output_intermediate_dir": str(OUTPUT / "intermediate"),
        }
        training_env = shared | {
            "additional_framework_parameters": framework,
            "channel_input_dirs": directories,
            "distribution_hosts": self.distribution.hosts,
            "hyperparameters": self.hyperparameters,
            "is_master": self.distribution.current_host == self.distribution.master,
            "is_modelparallel_enabled": None,
            "is_smddpmprun_installed": False,
            "is_smddprun_installed": False,
            "job_name": os.environ.get("TRAINING_JOB_NAME"),
            "master_hostname": self.distribution.master,
            "topology": [],
        }
        return to_variables(
            shared
            | {
                "hps": self.hyperparameters,
                "framework_params": framework,
                "channels": sorted(directories),
                "training_env": training_env,
                "user_args": arguments,
            }
            | {f"channel_{name}": path for name, path in directories.items()}
            | {f"hp_{name}": value for name, value in self.hyperparameters.items()}
        )


def unpack_source(archive: Path) -> None:
    """Unpacks the source archive into `code/`, unless that has content already."""
    CODE.mkdir(exist_ok=True)
    if any(CODE.iterdir()):
        return
    try:
        unpack_tar(archive, CODE)
    except ArchiveError as error:
        raise TrainingFailure(f"The source archive {archive.name} cannot be unpacked: {error}") from error


def command_of(entry_point: str, arguments: list[str], launcher: list[str]) -> list[str]:
    """The command that runs an entry point in `code/`; its requirements.txt is installed first.

    With a `launcher`, that starts it instead of the interpreter, which is only possible for a Python script.
    """
    if not SAFE_ENTRY_POINT.fullmatch(entry_point):
        raise TrainingFailure(
            f"The training entry point {entry_point!r} cannot be used: sagemaker_program must name a file "
            "inside the source folder, by letters, digits, '.', '_', '+', '-' and '/'."
        )
    script = CODE / entry_point
    if not entry_point.endswith(".py"):
        if launcher:
            raise TrainingFailure("Unsupported entry point type for torch_distributed")
        if script.is_file():
            script.chmod(0o755)
        return ["/bin/sh", "-c", f"./{shlex.quote(entry_point)} {shlex.join(arguments)}"]
    if (CODE / "setup.py").exists():
        raise TrainingFailure(
            "A source folder with a setup.py (the entry point as a package) is not supported here; "
            "give its requirements in requirements.txt and remove setup.py."
        )
    return [install(CODE / "requirements.txt"), *(launcher or ["--"]), entry_point, *arguments]


def install(requirements: Path) -> str:
    """The interpreter for the script: this one, or one with the packages of requirements.txt as well."""
    if not requirements.exists():
        return sys.executable
    log.info("Installing dependencies from requirements.txt")
    try:
        python = install_requirements(requirements, BASE / "packages")
    except subprocess.CalledProcessError as error:
        message = ErrorMessage()
        for line in error.output.splitlines():
            message.add(line)
        raise CommandFailed("InstallRequirementsError", error.cmd, error.returncode, str(message)) from error
    use_environment(python)
    return str(python)


class ErrorMessage:
    """The toolkit's error message: the output from the first line that names an exception on, each line once.

    A script may run for days after such a line, so only the beginning and the end of the message are kept.
    """

    def __init__(self) -> None:
        self._beginning: dict[str, None] = {}
        self._end: OrderedDict[str, None] = OrderedDict()
        self._left = EXCERPT_CHARACTERS
        """The remaining space in the part that is being filled: the beginning, and then the end."""
        self._left_out = 0

    def add(self, line: str) -> None:
        """Take the next line of the output."""
        if not self._beginning and not any(name in line for name in EXCEPTION_NAMES):
            return
        line = line.strip(" :\n")
        if line in self._beginning or line in self._end:
            return
        if not self._end and len(line) <= self._left:
            self._beginning[line] = None
            self._left -= len(line)
            return
        if not self._end:
            self._left = EXCERPT_CHARACTERS
        self._end[line] = None
        self._left -= len(line)
        while self._left < 0:
            oldest, _ = self._end.popitem(last=False)
            self._left += len(oldest)
            self._left_out += 1

    def __str__(self) -> str:
        gap = [f"... {self._left_out:,} lines are left out here ..."] if self._left_out else []
        return "\n ".join([*self._beginning, *gap, *self._end]).strip()


def run(command: list[str], variables: dict[str, str]) -> None:
    """Runs the script and passes its output on. Raises CommandFailed unless it exits with 0."""
    script = subprocess.Popen(
        command,
        cwd=CODE,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        errors="replace",
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL),
    )
    streams = [stream for stream in (script.stdout, script.stderr) if stream]
    messages = [ErrorMessage() for _ in streams]
    readers = [
        threading.Thread(target=pass_on, args=(stream, message), daemon=True)
        for stream, message in zip(streams, messages, strict=True)
    ]
    for reader in readers:
        reader.start()
    code = script.wait()
    for reader in readers:
        # What a killed script has started may print for ever; it ends with the container.
        reader.join(OUTPUT_DRAIN_SECONDS if code < 0 else None)
    if code:
        errors = [text for message in messages if (text := str(message))]
        raise CommandFailed("ExecuteUserScriptError", command, code, "\n ".join(errors))


def pass_on(stream: IO[str], message: ErrorMessage) -> None:
    """Print the output of a stream as it comes, and add it to the error message."""
    while line := stream.readline(EXCERPT_CHARACTERS):
        print(line, end="", flush=True)
        message.add(line)


def main() -> int:
    """Run the training script of the container's folder; returns the exit status of the container."""
    logging.basicConfig(
        stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(name)-12s %(levelname)-8s %(message)s"
    )
    # A job that is stopped gets SIGTERM as a whole; the script decides what to save, this process waits for
    # it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        job = Job()
        if not job.entry_point:
            raise TrainingFailure("No entry point: the hyperparameter sagemaker_program is missing.")
        if len(sys.argv) > 1:
            unpack_source(Path(sys.argv[1]))
        launcher = job.distribution.launcher(count_gpus() or 1)
        if launcher:
            # The same network interface for all of torch's backends; the toolkit sets that of NCCL.
            os.environ.update(NCCL_SOCKET_IFNAME=job.resources["network_interface_name"], NCCL_PROTO="simple")
            log.info("Starting distributed training through torchrun")
        command = command_of(job.entry_point, to_arguments(job.hyperparameters), launcher)
        log.info("Invoking user script: %s", shlex.join(command))
        run(command, job.variables())
    except TrainingFailure as failure:
        return fail(str(failure))
    except Exception as error:
        return fail(f"Framework Error: \n{traceback.format_exc()}\n{error}")
    log.info("Reporting training SUCCESS")
    (OUTPUT / "success").write_text("")
    return 0


def fail(message: str) -> int:
    """Write the reason to `output/failure`, unless the script wrote one; returns the exit status."""
    failure = OUTPUT / "failure"
    if not failure.exists():  # a script may have written its own
        failure.write_text(message)
    log.error("Reporting training FAILURE")
    log.error(message)
    return FAILURE


if __name__ == "__main__":
    sys.exit(main())
