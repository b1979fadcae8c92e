"""Finds, asks and stops a running cloud."""

import http.client
import json
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from localcloud.listening import reachable
from localcloud.state import holder, read_access_key

HEALTH = "/_localcloud/health"
STATUS = "/_localcloud/status"
INTERRUPT = "/_localcloud/interrupt/"
ROLE = "/_localcloud/role/"
ANSWER_SECONDS = 5.0
ROLE_SECONDS = 60.0
"""Making a role takes several requests, the first of which load IAM's records."""
STOP_SECONDS = 30.0


class RoleRefused(Exception):
    """SageMaker may not assume a role, or it cannot be made."""


@dataclass(frozen=True)
class Occupant:
    """The program that listens on an address: a localcloud of this user, or another."""

    localcloud: bool
    pid: int | None = None
    program: str = ""


def look(host: str, port: int) -> Occupant | None:
    """The program that listens on the address; None when there is none."""
    try:
        status, headers, body = _ask(host, port, HEALTH)
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException):
        return Occupant(False, program="a program that does not speak HTTP")
    try:
        health = json.loads(body) if status == 200 else {}
    except ValueError:
        health = {}
    if isinstance(health, dict) and health.get("service") == "localcloud":
        # Any program could answer this, but only this user's cloud holds the private folder.
        if health.get("pid") == holder(port):
            return Occupant(True, pid=health["pid"])
        return Occupant(False, program="a localcloud that is not yours")
    return Occupant(False, program=_name(host, port, headers))


def status(host: str, port: int) -> dict[str, Any]:
    """The status of a running cloud, with what it runs."""
    details: dict[str, Any] = json.loads(_ask(host, port, STATUS, _token(port))[2])
    return details


def interrupt(host: str, port: int, job: str, region: str | None = None) -> str | None:
    """Takes the spot instances of a training job away. Returns why that is not possible, or None.

    A `region` is needed only if several regions have a job of this name.
    """
    which = f"?region={quote(region, safe='')}" if region else ""
    code, _, body = _ask(host, port, f"{INTERRUPT}{quote(job, safe='')}{which}", _token(port), "POST")
    return None if code == 204 else body.decode(errors="replace")


def role_credentials(host: str, port: int, role: str) -> dict[str, str]:
    """The variables with the credentials of a role, which is made if there is none.

    Raises RoleRefused, with the reason, for a role that SageMaker may not assume or that cannot be made.
    """
    path = f"{ROLE}{quote(role, safe='')}"
    code, _, body = _ask(host, port, path, _token(port), "POST", ROLE_SECONDS)
    if code != 200:
        raise RoleRefused(f"--role {role}: {body.decode(errors='replace')}")
    variables: dict[str, str] = json.loads(body)
    return variables


def stop(port: int, pid: int) -> bool:
    """Ends the cloud on this port. Returns False if its folder still exists after STOP_SECONDS.

    Raises PermissionError for another user's cloud, and ProcessLookupError when that process does not hold
    the folder of the port.
    """
    if holder(port) != pid:
        raise ProcessLookupError(f"process {pid} is not the localcloud that holds port {port}")
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if holder(port) is None:
            return True
        time.sleep(0.05)
    return False


def _name(host: str, port: int, headers: dict[str, str]) -> str:
    try:
        if _ask(host, port, "/_localstack/health")[0] == 200:
            return "LocalStack"
    except (OSError, http.client.HTTPException):
        return "another program"
    return headers.get("Server") or "another program"


def _token(port: int) -> dict[str, str]:
    return {"Authorization": f"Bearer {read_access_key(port) or ''}"}


def _ask(
    host: str,
    port: int,
    path: str,
    headers: Mapping[str, str] | None = None,
    method: str = "GET",
    seconds: float = ANSWER_SECONDS,
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(reachable(host), port, timeout=seconds)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()
