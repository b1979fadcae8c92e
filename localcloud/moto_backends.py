"""Finds moto's backends, which hold the records of one service each, by account and region."""

from collections.abc import Mapping
from typing import Any


def backend_of(backends: Mapping[str, Any], account_id: str, region: str) -> Any:
    """The backend of a service in an account's region ("aws" for services without regions).

    Indexing moto's dictionaries takes a lock and compares all services in use, each time; reading them as the
    plain dictionaries that they are does not. Only a backend that does not exist yet is left to moto.
    """
    of_account = backends.get(account_id)
    found = None if of_account is None else of_account.get(region)
    return backends[account_id][region] if found is None else found
