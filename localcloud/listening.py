"""What the address that a cloud listens on means: who can reach it, and how."""

import ipaddress
import socket

EVERY_ADDRESS = "0.0.0.0"  # nosec B104 - only compared, never the default


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on a host. Raises OSError for one that is unknown."""
    addresses = {found[4][0] for found in socket.getaddrinfo(host, None, socket.AF_INET)}
    return all(ipaddress.ip_address(address).is_loopback for address in addresses)


def reachable(host: str) -> str:
    """The address by which clients on this machine reach what listens on a host."""
    return "127.0.0.1" if host == EVERY_ADDRESS else host
