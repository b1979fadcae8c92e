"""What every service of localcloud needs to know about the cloud that it is part of."""

import functools
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from localcloud.listening import reachable
from localcloud.processes import Processes

ACCOUNT_ID = "123456789012"
"""moto's default account."""
ACCESS_KEY = SECRET_KEY = "test"  # nosec B105
"""The keys of the account's owner, who may do everything: no secret, they are in the README."""
ROLE_SESSION_SECONDS = 28 * 86400
"""AWS's services keep renewing their credentials; these last for the longest job instead (28 days)."""


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
    """The owner's. A secret where the cloud answers only who knows it."""
    region: str = "us-east-1"
    account_id: str = ACCOUNT_ID
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _clients: dict = field(default_factory=dict, repr=False)
    _roles: dict = field(default_factory=dict, repr=False)

    @property
    def url(self) -> str:
        """The front door's address."""
        return f"http://{reachable(self.host)}:{self.port}"

    @property
    def needs_token(self) -> bool:
        """Whether clients must carry the secret access key id, or credentials that the cloud has issued."""
        return self.access_key != ACCESS_KEY

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """A boto3-style client of this cloud, as the account's owner or with the rights of a role.

        Clients are safe to share between threads and slow to make, so they are kept.
        """
        with self._lock:
            if client := self._clients.get((service, role_arn)):
                return client
            keys = self.credentials(role_arn)
            client = _session().client(
                service,
                region_name=self.region,
                endpoint_url=self.url,
                aws_access_key_id=keys[0],
                aws_secret_access_key=keys[1],
                aws_session_token=keys[2],
                # No proxies: HTTP_PROXY in a person's shell must not catch calls to this machine.
                config=Config(proxies={}, s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}),
            )
            self._clients[service, role_arn] = client
            return client

    def credentials(self, role_arn: str | None = None) -> tuple[str, str, str | None]:
        """Access key, secret key and session token of the account's owner or of an assumed role."""
        if role_arn is None:
            return self.access_key, SECRET_KEY, None
        with self._lock:
            if role_arn not in self._roles:
                self._roles[role_arn] = _assume(role_arn, self.region)
            return self._roles[role_arn]

    def environment(self, role_arn: str | None = None) -> dict[str, str]:
        """The variables by which a process of this cloud reaches it, as that role, and no other AWS."""
        access_key, secret_key, token = self.credentials(role_arn)
        variables = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": access_key,
            "AWS_SECRET_ACCESS_KEY": secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": reachable(self.host),
            "no_proxy": reachable(self.host),
        }
        return variables | ({"AWS_SESSION_TOKEN": token} if token else {})


def _assume(role_arn: str, region: str) -> tuple[str, str, str]:
    """Credentials of a role, as one of AWS's own services gets them.

    Asked of moto directly: at the front door this would be the account's owner asking, whom the role's trust
    policy need not name. Whether it names the service is that service's to check.
    """
    from moto.sts.models import sts_backends

    session = sts_backends[ACCOUNT_ID]["aws"].assume_role(
        region_name=region,
        role_session_name="localcloud",
        role_arn=role_arn,
        policy="",
        duration=ROLE_SESSION_SECONDS,
        external_id="",
    )
    return session.access_key_id, session.secret_access_key, session.session_token


@functools.cache
def _session() -> boto3.session.Session:
    """A session that knows nothing of the person's own profiles: their account must stay out of reach."""
    nowhere = (None, None, os.devnull, None)
    botocore_session = botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": nowhere, "credentials_file": nowhere}
    )
    return boto3.session.Session(botocore_session=botocore_session)
