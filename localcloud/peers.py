"""Asks the Linux kernel which user of this machine is at the other end of a TCP connection.

https://man7.org/linux/man-pages/man7/sock_diag.7.html
"""

import functools
import os
import socket
import struct
import weakref

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
REQUEST = 1
ALL_STATES = 0xFFFFFFFF
ANSWER_SECONDS = 1.0
"""The server accepts no other connection while it waits for the kernel, which answers within microseconds."""
HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence number, port."""
SOCKET_ID = struct.Struct("!HH16s16sI8s")
"""inet_diag_sockid: both ports, both addresses, interface and cookie (any)."""
QUESTION = struct.Struct("=BBBBI")
"""The head of inet_diag_req_v2: family, protocol, extensions, padding, states."""
ANSWER = struct.Struct(f"=4x{SOCKET_ID.size}x12xII")
"""inet_diag_msg, of which the user and the inode are read."""


def peer_uid(connection: socket.socket) -> int | None:
    """The user id at the other end of a connection within this machine; None if that end is closed.

    Raises OSError if the system does not support this.
    """
    source, destination = connection.getpeername(), connection.getsockname()
    addresses = [socket.inet_pton(connection.family, end[0]) for end in (source, destination)]
    question = QUESTION.pack(connection.family, socket.IPPROTO_TCP, 0, 0, ALL_STATES)
    question += SOCKET_ID.pack(source[1], destination[1], *addresses, 0, b"\xff" * 8)
    header = HEADER.pack(HEADER.size + len(question), SOCK_DIAG_BY_FAMILY, REQUEST, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(ANSWER_SECONDS)
        kernel.send(header + question)
        answer = kernel.recv(4096)
    if HEADER.unpack_from(answer)[1] != SOCK_DIAG_BY_FAMILY:
        return None  # there is no such socket, so its owner has closed it
    uid, inode = ANSWER.unpack_from(answer, HEADER.size)
    # A closed socket that still sends has no inode, and its user id is that of root.
    return uid if inode else None


def is_of_this_user(connection: socket.socket) -> bool:
    """Whether a connection within this machine comes from a process of this user or of root.

    Always true if the system does not support this. The kernel is asked once for each connection, since a
    socket belongs to whoever created it, even after another process has got it.
    """
    if (known := _of_this_user.get(connection)) is None:
        known = not peers_are_known() or peer_uid(connection) in (os.getuid(), 0)
        _of_this_user[connection] = known
    return known


_of_this_user: weakref.WeakKeyDictionary[socket.socket, bool] = weakref.WeakKeyDictionary()


@functools.cache
def peers_are_known() -> bool:
    """Whether this system can tell who is at the other end. Linux can, macOS cannot."""
    if not hasattr(socket, "AF_NETLINK"):
        return False
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            try:
                return peer_uid(accepted) is not None
            except OSError:
                return False
