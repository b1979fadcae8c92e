"""Determines who can reach the address that a cloud listens on, and how."""

import ipaddress
import socket

EVERY_ADDRESS = "0.0.0.0"  # nosec B104 - only compared, never the default


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server on the host. Raises OSError for an unknown host."""
    addresses = {found[4][0] for found in socket.getaddrinfo(host, None, socket.AF_INET)}
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def reachable(host: str) -> str:
    """The address at which clients on this machine reach a server on the host."""
    return "127.0.0.1" if host == EVERY_ADDRESS else host
