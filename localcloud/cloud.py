"""Shared by the services of one cloud: its address, account, folder, processes and clients."""

import functools
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import botocore.session
from botocore.config import Config

from localcloud import authority
from localcloud.listening import reachable
from localcloud.moto_backends import backend_of
from localcloud.processes import Processes

ACCOUNT_ID = "123456789012"
"""moto's default account."""
ACCESS_KEY = SECRET_KEY = "test"  # nosec B105
"""The keys of the account's owner, who may do everything. They are no secret: the README has them."""
ROLE_SESSION_SECONDS = 28 * 86400
"""28 days, the longest job. AWS's services renew the credentials of their jobs instead."""


SESSION_NAME_CHARACTERS = 64


class Credentials(NamedTuple):
    """Credentials that sign requests. Those of the account's owner have no session token."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None

    def environment(self) -> dict[str, str]:
        """The variables by which AWS's SDKs find credentials."""
        token = {"AWS_SESSION_TOKEN": self.session_token} if self.session_token else {}
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            **token,
        }


@dataclass(frozen=True)
class Cloud:
    """One running cloud: its address, its account, its folder and its processes."""

    host: str
    port: int
    state_dir: Path
    job_python: Path
    """The interpreter that runs training jobs, model servers and functions."""
    processes: Processes
    access_key: str = ACCESS_KEY
    """The access key id of the account's owner; secret if the cloud answers only clients that know it."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Runners of additional images, by pattern (see sagemaker/images.py)."""
    region: str = "us-east-1"
    account_id: str = ACCOUNT_ID
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)
    _roles: dict[tuple[str, str], Credentials] = field(default_factory=dict, repr=False)
    _regions: dict[str, "Cloud"] = field(default_factory=dict, repr=False)

    def in_region(self, region: str) -> "Cloud":
        """The same cloud in a region, with a folder of its own there."""
        with self._lock:
            home = self._regions.setdefault("", self)
            if region == home.region:
                return home
            if region not in self._regions:
                folder = home.state_dir / region
                folder.mkdir(exist_ok=True)
                self._regions[region] = replace(home, region=region, state_dir=folder, _clients={})
            return self._regions[region]

    @property
    def url(self) -> str:
        """The address of the front door."""
        return f"http://{reachable(self.host)}:{self.port}"

    @property
    def needs_token(self) -> bool:
        """Whether clients must carry the secret access key id, or credentials that the cloud has issued."""
        return self.access_key != ACCESS_KEY

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """A boto3 client of this cloud, with the rights of the account's owner or of a role.

        Clients are slow to create and can be shared between threads, so they are cached.
        """
        with self._lock:
            credentials = self.credentials(role_arn)
            if client := self._clients.get((service, credentials.access_key_id)):
                return client
            client = _session().client(
                service,
                region_name=self.region,
                endpoint_url=self.url,
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
                # No proxies: HTTP_PROXY in the user's shell must not receive calls to this machine.
                config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
            )
            self._clients[service, credentials.access_key_id] = client
            return client

    def credentials(self, role_arn: str | None = None) -> Credentials:
        """The credentials of the account's owner, or those of a role, which are issued once and cached.

        A role that is made again under the same name is another one.
        """
        if role_arn is None:
            return Credentials(self.access_key, SECRET_KEY, None)
        with self._lock:
            key = role_arn, self._role_id(role_arn)
            if key not in self._roles:
                self._roles[key] = self.assume_role(role_arn)
            return self._roles[key]

    def _role_id(self, role_arn: str) -> str:
        from moto.iam.models import iam_backends

        roles = list(backend_of(iam_backends, self.account_id, "aws").roles.values())
        return next((role.id for role in roles if role.arn == role_arn), "")

    def assume_role(self, role_arn: str, session_name: str = "localcloud") -> Credentials:
        """Credentials of a new session of a role, as AWS's own services get them.

        moto issues them directly: at the front door the caller would be the account's owner, whom the trust
        policy need not name. The service itself checks that the policy names it.
        """
        from moto.sts.models import sts_backends

        session = backend_of(sts_backends, self.account_id, "aws").assume_role(
            region_name=self.region,
            role_session_name=session_name[:SESSION_NAME_CHARACTERS],
            role_arn=role_arn,
            policy="",
            duration=ROLE_SESSION_SECONDS,
            external_id="",
        )
        return Credentials(session.access_key_id, session.secret_access_key, session.session_token)

    def environment(self, role_arn: str | None = None) -> dict[str, str]:
        """Variables that let a process reach this cloud, with the rights of a role, and no other AWS."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            **authority.variables(self.url, self.port),
            **self.credentials(role_arn).environment(),
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": reachable(self.host),
            "no_proxy": reachable(self.host),
        }


@functools.cache
def _session() -> boto3.session.Session:
    """A session without the user's own profiles, whose accounts must stay out of reach."""
    nowhere = (None, None, os.devnull, None)
    botocore_session = botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
    return boto3.session.Session(botocore_session=botocore_session)
