"""Write docs/localcloud-coverage.md from the code: `python docs/localcloud_coverage.py`.

localcloud's services list the operations that they support; moto_operations.py lists those that moto may
answer. A test checks that the page is up to date.
"""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from botocore.session import get_session

from localcloud.cloudformation.resources import PROVIDERS
from localcloud.front import Service
from localcloud.moto_operations import MOTO, RECORDS
from localcloud.protocol.calls import MODELS
from localcloud.routing import APIS
from localcloud.server import Server

PAGE = Path(__file__).resolve().parent / "localcloud-coverage.md"
WIDTH = 118
HEAD = """\
# What localcloud does of AWS

Written by `python docs/localcloud_coverage.py` from the code; a test holds it to that.

- **executes**: has the effect that it has on AWS, or shows what such operations created, if anything.
- **stores**: is kept and shown, and has no other effect.
- **refused**: answers with an error that names it, in the form of its protocol, and changes nothing.

An operation that executes or stores may still refuse individual members of a request, by name.
"""
OTHERS = """\
## All other services

Every operation of every other service is refused. `--records SERVICE` stores and shows what requests to such
a service say, without carrying them out, if moto has the operation:
"""


def page(services_here: Iterable[Service]) -> str:
    """The page, given localcloud's own services."""
    own, stored = _listed(services_here, "operations"), _listed(services_here, "stored")
    parts = [HEAD]
    services = sorted(name for signing_name in APIS for name in MODELS.get(signing_name, (signing_name,)))
    for service in services:
        classes = dict(_operations(service, own.get(service, set()), stored.get(service, set())))
        if classes["executes"] or classes["stores"]:
            parts.append(_section(service, classes))
    parts.append(OTHERS + "\n" + _wrapped(_records()))
    parts.append(_section("CloudFormation's resource types", _types()) + "\nAll other types are refused.\n")
    return "\n".join(parts)


def _operations(service: str, own: set[str], stored: set[str]) -> Iterator[tuple[str, set[str]]]:
    names = set(get_session().get_service_model(service).operation_names)
    reviewed = MOTO.get(service)
    stores = stored | (set(reviewed.stores) if reviewed else set())
    executes = (own | (set(reviewed.executes | reviewed.absent) if reviewed else set())) - stores
    yield "executes", executes
    yield "stores", stores
    yield "refused", names - executes - stores


def _types() -> dict[str, set[str]]:
    stores = {name for name, provider in PROVIDERS.items() if provider.is_only_stored}
    return {"executes": set(PROVIDERS) - stores, "stores": stores}


def _records() -> Iterator[str]:
    for name, record in sorted(RECORDS.items()):
        some = f" ({', '.join(sorted(record.operations))})" if record.operations else ""
        yield f"`{name}`{some}"


def _section(title: str, classes: Mapping[str, set[str]]) -> str:
    lines = [f"## {title}\n"]
    for name, operations in classes.items():
        if operations:
            lines.append(f"**{name}** ({len(operations)})\n")
            lines.append(_wrapped(sorted(operations)))
    return "\n".join(lines)


def _wrapped(words: Iterable[str]) -> str:
    return textwrap.fill(", ".join(words), WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


def _listed(services: Iterable[Service], what: str) -> dict[str, set[str]]:
    """The operations that the services' methods `what` return, by botocore's name of the service."""
    found: dict[str, set[str]] = {}
    for service in services:
        for name, operations in getattr(service, what, dict)().items():
            found.setdefault(name, set()).update(operations)
    return found


if __name__ == "__main__":
    with Server(port=0) as server:
        PAGE.write_text(page(server.front.services), encoding="utf-8")
