"""Tells the requests that web pages make in a browser from those of a server's own clients.

A page can ask any server of this machine, under a name that its owner points there as well (DNS rebinding).
Standard library only, because model servers run without localcloud's packages.
"""

from collections.abc import Container
from typing import Any

OF_PAGES = ("Origin", "Sec-Fetch-Site")
"""Headers that browsers send and other clients do not."""


def comes_from_page(headers: Any, addresses: Container[str]) -> bool:
    """Whether a request with these headers is a page's; own clients call the server by one of `addresses`."""
    return any(name in headers for name in OF_PAGES) or headers.get("Host") not in addresses
