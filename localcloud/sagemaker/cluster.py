"""The hosts of one job: each is a container with its own folder, name and address on this machine.

The hosts find each other by name: each has an /etc/hosts with all of them, and their addresses are in the
loopback network. They share the machine's ports, so two hosts cannot listen on the same port of all
addresses.
"""

import contextlib
import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.cloud import Cloud
from localcloud.processes import Process
from localcloud.protocol import InvalidRequest
from localcloud.sagemaker import container
from localcloud.sagemaker.logs import LogStream

GROUP = "homogeneousCluster"
"""The instance group of all hosts if a job names no groups."""
MAX_HOSTS = 20
"""AWS's default quota of instances of a job; here each is a process of this machine."""
HOSTS_FILE = Path("/etc/hosts")
INTERFACE = "lo" if sys.platform.startswith("linux") else "lo0"
WATCH_SECONDS = 0.1
_networks = itertools.count(int.from_bytes(os.urandom(2)))
"""Numbers for the addresses of jobs: two that run at the same time rarely have the same, clouds included."""


@dataclass(frozen=True)
class Host:
    """One host of a job. Its container's folder is `ml`."""

    name: str
    address: str
    group: str
    instance_type: str | None
    folder: Path

    @property
    def ml(self) -> Path:
        return self.folder / "ml"


def hosts_of(resources: Mapping[str, Any], folder: Path) -> list[Host]:
    """The hosts that a ResourceConfig, or the like, describes, each with a folder in `folder`."""
    groups = resources.get("InstanceGroups") or [
        {
            "InstanceGroupName": GROUP,
            "InstanceType": resources.get("InstanceType"),
            "InstanceCount": resources.get("InstanceCount", 1),
        }
    ]
    network = next(_networks)
    prefix = f"127.{64 + network // 256 % 128}.{network % 256}"
    kinds = [
        (group["InstanceGroupName"], group["InstanceType"])
        for group in groups
        for _ in range(group["InstanceCount"])
    ]
    return [
        Host(f"algo-{number}", f"{prefix}.{number}", group, kind, folder / f"algo-{number}")
        for number, (group, kind) in enumerate(kinds, start=1)
    ]


def require_hosts(operation: str, hosts: Sequence[Host]) -> None:
    """Raises InvalidRequest for no hosts, for more than MAX_HOSTS, or if several cannot run here."""
    if not hosts:
        raise InvalidRequest(f"{operation}: InstanceCount must be at least 1 (given: 0).")
    if len(hosts) > MAX_HOSTS:
        raise InvalidRequest(
            f"{operation}: localcloud runs at most {MAX_HOSTS} hosts a job (given: {len(hosts)}): each is a "
            "process of this machine."
        )
    if len(hosts) > 1 and not container.has_own_file_system():
        raise InvalidRequest(
            f"{operation}: localcloud cannot run {len(hosts)} hosts here: to find each other by name they "
            "need namespaces of their own, which this system does not allow. Use one instance, or run "
            "localcloud on Linux where user namespaces are allowed."
        )


def resource_config(hosts: Sequence[Host], host: Host) -> dict[str, Any]:
    """The content of resourceconfig.json for one of the hosts."""
    groups: dict[str, dict[str, Any]] = {}
    for each in hosts:
        group = groups.setdefault(
            each.group,
            {"instance_group_name": each.group, "instance_type": each.instance_type, "hosts": []},
        )
        group["hosts"].append(each.name)
    return {
        "current_host": host.name,
        "current_instance_type": host.instance_type,
        "current_group_name": host.group,
        "hosts": [each.name for each in hosts],
        "instance_groups": list(groups.values()),
        "network_interface_name": INTERFACE,
    }


@dataclass(frozen=True)
class Failure:
    """The first host that failed, and its exit status."""

    host: Host
    code: int


class Cluster:
    """Runs the hosts of a job at the same time, until all have ended or one has failed."""

    def __init__(self, cloud: Cloud, role_arn: str, title: str, hosts: Sequence[Host]):
        self._cloud, self._role, self._title, self.hosts = cloud, role_arn, title, hosts
        self._processes: dict[Host, Process] = {}
        self._codes: dict[Host, int] = {}
        self._failure: Failure | None = None
        self._kill_at: float | None = None
        """When hosts that were asked to end are killed, by the monotonic clock."""
        self._ended = threading.Condition()

    def run(
        self,
        command: Callable[[Host], Sequence[str | Path]],
        environment: Callable[[Host], Mapping[str, str]],
        log_group: str,
        log_stream: str,
        *,
        read: Callable[[str], None] = lambda line: None,
        watch: Callable[[], bool],
        grace: float,
    ) -> Failure | None:
        """Runs a command on each host. Returns the first failure, or None when all ended with 0.

        When a host fails the others are ended. `read` gets every line of every host, whose log streams are
        `log_stream` with the host's name and the time. When `watch`, which is asked every WATCH_SECONDS,
        returns True, all hosts are sent SIGTERM and, `grace` seconds later, SIGKILL.
        """
        hosts_file = self._write_hosts_file()
        followers = []
        try:
            for host in self.hosts:
                process = container.start(
                    self._cloud,
                    f"{self._title} {host.name}",
                    host.ml,
                    command(host),
                    environment(host),
                    host=host.name,
                    hosts_file=hosts_file,
                )
                self._processes[host] = process
                stream = f"{log_stream}/{host.name}-{int(time.time())}"
                logs = LogStream(self._cloud, self._role, log_group, stream)
                followers.append(threading.Thread(target=self._follow, args=(host, process, logs, read)))
                followers[-1].start()
            self._supervise(watch, grace)
        finally:
            self.signal(signal.SIGTERM)
            for process in self._processes.values():
                self._cloud.processes.discard(process)
            for follower in followers:
                follower.join()
        return self._failure

    def signal(self, number: int) -> None:
        for process in list(self._processes.values()):
            process.send_signal(number)

    def _supervise(self, watch: Callable[[], bool], grace: float) -> None:
        with self._ended:
            while len(self._codes) < len(self.hosts) and self._failure is None:
                self._ended.wait(WATCH_SECONDS)
                if self._kill_at is None and watch():
                    self._kill_at = time.monotonic() + grace
                    self.signal(signal.SIGTERM)
                elif self._kill_at is not None and time.monotonic() > self._kill_at:
                    self.signal(signal.SIGKILL)

    def _follow(self, host: Host, process: Process, logs: LogStream, read: Callable[[str], None]) -> None:
        for line in process.lines():
            logs.write(line)
            read(line)
        code = process.wait()
        logs.close()
        with self._ended:
            self._codes[host] = code
            # Hosts that were asked to end may do so in any way.
            if code and self._failure is None and self._kill_at is None:
                self._failure = Failure(host, code)
            self._ended.notify_all()

    def _write_hosts_file(self) -> Path:
        """The /etc/hosts of all hosts: this machine's, and their names."""
        known = ""
        with contextlib.suppress(OSError):
            known = HOSTS_FILE.read_text()
        own = "".join(f"{host.address}\t{host.name}\n" for host in self.hosts)
        file = self.hosts[0].folder.parent / "hosts"
        file.write_text(own + known)
        return file
